"""A process that answers from a shared PostgreSQL until it is told to stop.

    python -m tests.index_side.switched URL FOLDER FIRST_NUMBER

For each question a line on standard output: when it was asked, and the editions of the article
that its answer and passages are of.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
from pathlib import Path

from index import Engine, IndexSettings, Scope
from tests.conftest import WordEmbedder

_EDITION = re.compile(r"edition(\d+)")


def main() -> None:
    url, folder, first = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    settings = IndexSettings(data_dir=folder, database_url=url, threshold=0)
    with Engine.open(settings, embedder=WordEmbedder()) as engine:
        for number in itertools.count(first):
            asked = time.time()
            answer = engine.ask(Scope.local(), f"Has the king gold, number {number}?")
            told = [quote.text for quote in answer.quotes]
            told += [hit.passage.text for hit in answer.passages]
            editions = sorted({int(n) for text in told for n in _EDITION.findall(text)})
            print(json.dumps([asked, editions]), flush=True)


if __name__ == "__main__":
    main()
