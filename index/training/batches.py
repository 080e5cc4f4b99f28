"""Groups -> tensors, and the loss over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from index.training.examples import Group

MAX_TOKENS = 192
QUESTION_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences of several groups. ``context`` marks the tokens of the passage;
    ``starts`` and ``ends`` those where a gold answer begins and ends.
    """

    inputs: dict[str, Tensor]
    context: Tensor
    starts: Tensor
    ends: Tensor
    group: Tensor


def encode(tokenizer: Any, groups: Sequence[Group]) -> Batch:
    pairs = [(number, g.question, p) for number, g in enumerate(groups) for p in g.passages]
    questions = tokenizer([q for _, q, _ in pairs], add_special_tokens=False)["input_ids"]
    short = [
        tokenizer.decode(ids[:QUESTION_TOKENS]) if len(ids) > QUESTION_TOKENS else q
        for ids, (_, q, _) in zip(questions, pairs, strict=True)
    ]
    rows = tokenizer(
        short,
        [p.text for _, _, p in pairs],
        truncation="only_second",
        max_length=MAX_TOKENS,
        padding=True,
        return_offsets_mapping=True,
        return_tensors="pt",
    )
    offsets = rows.pop("offset_mapping")
    context = torch.zeros_like(rows["input_ids"], dtype=torch.bool)
    starts, ends = torch.zeros_like(context), torch.zeros_like(context)
    for row, (_, _, passage) in enumerate(pairs):
        ids = torch.tensor([s == 1 for s in rows.sequence_ids(row)])
        context[row] = ids
        for begin, finish in passage.answers:
            first = ids & (offsets[row, :, 0] <= begin) & (offsets[row, :, 1] > begin)
            last = ids & (offsets[row, :, 0] < finish) & (offsets[row, :, 1] >= finish)
            if first.any() and last.any():
                starts[row] |= first
                ends[row] |= last
    return Batch(dict(rows), context, starts, ends, torch.tensor([n for n, _, _ in pairs]))


def loss_of(start: Tensor, end: Tensor, batch: Batch) -> Tensor:
    """Both readings of a group, alike in weight.

    Each passage by itself, its first token standing for "not here"; and all passages of
    a question under one normalisation (Clark and Gardner 2018, "Simple and Effective
    Multi-Paragraph Reading Comprehension"), the mean of their first tokens for "not said".
    """
    alone = shared = start.new_zeros(())
    count = int(batch.group.max()) + 1
    for scores, gold in ((start, batch.starts), (end, batch.ends)):
        inner = scores.masked_fill(~batch.context, -1e4)
        null = scores[:, 0]
        whole = torch.logsumexp(torch.cat([inner, null[:, None]], 1), 1)
        hit = torch.logsumexp(inner.masked_fill(~gold, -1e4), 1)
        alone = alone + (whole - torch.where(gold.any(1), hit, null)).mean()
        parts = []
        for number in range(count):
            rows = batch.group == number
            nothing = null[rows].mean()
            every = torch.logsumexp(torch.cat([inner[rows].flatten(), nothing[None]]), 0)
            marked = gold[rows]
            if marked.any():
                parts.append(every - torch.logsumexp(inner[rows][marked], 0))
            else:
                parts.append(every - nothing)
        shared = shared + torch.stack(parts).mean()
    return 0.25 * (alone + shared)
