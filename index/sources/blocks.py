"""Blocks of rendered text, and which of them are headings.

Blocks stand apart by a blank line, list items and table rows by a line end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Span = tuple[int, int]


class Rendered(NamedTuple):
    """A source as read: ``headings`` are spans in ``text``; "" is what it does not tell.

    ``pages`` are the offsets at which its pages begin, () where it has none.
    """

    title: str
    text: str
    headings: tuple[Span, ...]
    author: str = ""
    published: str = ""
    canonical: str = ""
    pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    is_heading: bool
    is_next_line: bool  # of the same list or table as the block before it


class Writer:
    """Collects words into blocks, and knows about lists and tables. One for each document."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._words: list[str] = []
        self._lists: list[int | None] = []  # the next number, or None for bullets
        self._bullet = ""
        self._cells: list[str] = []
        self._rows_open = 0  # a table may stand in a cell of another
        self._is_first_line = True
        self._is_first_row = True

    def say(self, words: str) -> None:
        self._words.append(words)

    def end(self, *, is_heading: bool = False, is_code: bool = False) -> None:
        """What was said since the last end is a block, or part of the table cell it is in."""
        if self._rows_open:
            self._words.append(" ")
            return
        said = "".join(self._words)
        self._words.clear()
        lines = said.strip("\n").rstrip() if is_code else _trimmed(said)
        if not lines.strip():
            return
        together = bool(self._lists) and not self._is_first_line
        self._blocks.append(_Block(self._indent() + lines, is_heading, together))
        self._bullet, self._is_first_line = "", not self._lists

    def _indent(self) -> str:
        return "  " * (len(self._lists) - 1) + (self._bullet or "  " * bool(self._lists))

    def open_list(self, first: int | None) -> None:
        self.end()
        self._lists.append(first)

    def item(self) -> None:
        self.end()
        number = self._lists[-1] if self._lists else None
        self._bullet = "• " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1

    def close_list(self) -> None:
        self.end()
        if self._lists:
            self._lists.pop()
        self._bullet, self._is_first_line = "", not self._lists

    def open_table(self) -> None:
        self.end()
        self._is_first_row = True

    def open_row(self) -> None:
        self.end()
        self._rows_open += 1

    def end_cell(self) -> None:
        self.end()
        if self._rows_open == 1:
            self._cells.append(" ".join("".join(self._words).split()))
            self._words.clear()

    def close_row(self) -> None:
        if self._rows_open == 1:
            row = " | ".join(self._cells).rstrip(" |")
            if any(char.isalnum() for char in row):
                together = not self._is_first_row
                self._blocks.append(_Block(row, is_heading=False, is_next_line=together))
                self._is_first_row = False
            self._cells.clear()
        self._rows_open -= 1

    def finish(self) -> tuple[str, tuple[Span, ...]]:
        """The text, and the spans of its headings."""
        self.end()
        parts: list[str] = []
        headings: list[Span] = []
        at = 0
        for block in self._blocks:
            gap = "" if not parts else "\n" if block.is_next_line else "\n\n"
            parts += [gap, block.text]
            at += len(gap) + len(block.text)
            if block.is_heading:
                headings.append((at - len(block.text), at))
        return "".join(parts), tuple(headings)


def _trimmed(text: str) -> str:
    """Without white space around its lines, nor empty lines."""
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def first_heading(text: str, headings: tuple[Span, ...]) -> str:
    return text[slice(*headings[0])] if headings else ""
