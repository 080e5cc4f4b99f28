"""Articles with questions as people write them down -> the format of SQuAD.

    title: The Title
    genre: how-to
    ---
    The article, in Markdown.
    ===
    Q: how do i get my deposit back
    A: send the form within 30 days
    N: How much is the deposit?

``Q`` is a question and each ``A`` below it an answer, in the article's words; ``N`` is a
question that the article does not answer. A slash between spaces stands for the line
break between two items of a list.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from index.lexical import LexicalIndex, tokens
from index.sources import load, parse

SHORTEST_CONTEXT = 350
"""Characters that short paragraphs are joined to, as retrieval brings passages."""


def read_written(folder: Path) -> dict[str, Any]:
    """The articles of a folder, in the order of their names.

    Raises:
        ValueError: a file is not written as above, or none of a question's answers stands in
            its article. Of several forms of one, those that do not stand there are left out.
    """
    return {"data": [_article(path) for path in sorted(folder.glob("*.txt"))]}


def _article(path: Path) -> dict[str, Any]:
    try:
        head, rest = path.read_text("utf-8").split("\n---\n", 1)
        text, asked = rest.rsplit("\n===\n", 1)
    except ValueError as error:
        raise ValueError(f"{path}: '---' and '===' must divide it in three") from error
    title = dict(line.partition(": ")[::2] for line in head.splitlines()).get("title")
    if not title:
        raise ValueError(f"{path}: a line 'title: ...' must stand above the first ---")
    loaded = load(text.encode(), title=title, filename=f"{path.stem}.md", max_bytes=1_000_000)
    contexts = _contexts(parse(loaded).text)
    index = LexicalIndex.build([tokens(context) for context in contexts])
    asked_of: list[list[dict[str, Any]]] = [[] for _ in contexts]
    for question, answers in _questions(path, asked):
        spots = [_spots(answer, contexts) for answer in answers]
        found = [spot for places in spots for spot in places]
        if answers and not found:
            raise ValueError(f"{path}: {answers[0]!r} does not stand in the article")
        # It is asked where most of its answers stand, as a short one may recur elsewhere by chance;
        # what nothing answers, of the passage that looks most like it.
        stand = Counter(n for places in spots for n in {n for n, _, _ in places})
        number = (
            max((n for n, _, _ in found), key=lambda n: stand[n])
            if found
            else int(np.argmax(index.scores(tokens(question))))
        )
        asked_of[number].append(
            {
                "question": question,
                "is_impossible": not found,
                "answers": [
                    {"answer_start": start, "text": said}
                    for where, start, said in found
                    if where == number
                ],
            }
        )
    return {
        "title": title,
        "paragraphs": [
            {"context": context, "qas": qas}
            for context, qas in zip(contexts, asked_of, strict=True)
        ],
    }


def _contexts(text: str) -> list[str]:
    contexts: list[str] = []
    for paragraph in text.split("\n\n"):
        if contexts and len(contexts[-1]) < SHORTEST_CONTEXT:
            contexts[-1] += f"\n\n{paragraph}"
        else:
            contexts.append(paragraph)
    return contexts


def _questions(path: Path, lines: str) -> list[tuple[str, list[str]]]:
    asked: list[tuple[str, str, list[str]]] = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        kind, _, said = line.partition(": ")
        if kind == "A" and asked:
            asked[-1][2].append(said)
        elif kind in {"Q", "N"}:
            asked.append((kind, said, []))
        else:
            raise ValueError(f"{path}: {line!r} is no question and no answer")
    for kind, question, answers in asked:
        if (kind == "Q") != bool(answers):
            raise ValueError(
                f"{path}: {question!r} must have {'an' if kind == 'Q' else 'no'} answer"
            )
    return [(question, answers) for _, question, answers in asked]


def _spots(answer: str, contexts: list[str]) -> list[tuple[int, int, str]]:
    """Where an answer stands: the context, the offset and the words. Markup does not count."""
    gap = r"\W+(?:\d{1,2}[.)]\W+)?" if " / " in answer else r"\W+"
    pattern = gap.join(map(re.escape, re.findall(r"\w+", answer)))
    # Signs that belong to the answer stand before or after its words.
    before = r"[$€£¥#(\"“+-]?" if re.match(r"\W", answer) else ""
    after = r"[%.)\"”!?]?" if re.search(r"\W$", answer) else ""
    return [
        (number, match.start(), match[0])
        for number, context in enumerate(contexts)
        for match in re.finditer(
            rf"{before}(?<!\w)(?<!\d[.,]){pattern}(?!\w)(?![.,]\d){after}", context
        )
    ]
