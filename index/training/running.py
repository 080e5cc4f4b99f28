"""One run of the training: batches in, checkpoints out; and the mean of several runs."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoTokenizer

from index.bert import fast_bfloat16
from index.reader.model import SpanModel
from index.training import retrieved, sentences
from index.training.batches import encode, loss_of
from index.training.examples import Group, Mixes, groups, read
from index.weights import packaged_model

AVERAGED = 3
"""Checkpoints of each run whose mean is taken."""


@dataclass(frozen=True, slots=True)
class Run:
    """One training: where it begins, what it reads, how long it goes on and how fast.

    ``rate`` is the highest learning rate, ``sequences`` counts the passages of a step, and
    ``frozen`` the lowest layers that stay as they are, which spares a sixth of the time each.
    ``shown`` is the sort of passages: cut by chance, as retrieval brings them, or single sentences
    of these, for the verifier.
    """

    out: Path
    begin: Path | None
    hard: tuple[Path, ...]
    easy: tuple[Path, ...]
    written: tuple[Path, ...]
    mixes: Mixes
    seed: int
    steps: int
    rate: float
    every: int
    epochs: int = 2
    sequences: int = 32
    threads: int = 1
    frozen: int = 0
    shown: Literal["cut", "retrieved", "sentences"] = "cut"


def train(run: Run) -> None:
    torch.set_num_threads(run.threads)
    torch.manual_seed(run.seed)
    run.out.mkdir(parents=True, exist_ok=True)
    folder = packaged_model()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # Where bfloat16 is fast, so is the plain attention; elsewhere the fused one.
    fast = fast_bfloat16()
    model = SpanModel.from_embedding(folder, attention="eager" if fast else "sdpa")
    if run.begin is not None:
        model.load(run.begin)
    for layer in model.encoder.encoder.layer[: run.frozen]:  # type: ignore[union-attr, index]
        layer.requires_grad_(requires_grad=False)
    batches = plan(run)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=run.rate, weight_decay=0.01
    )
    total = min(len(batches), run.steps)
    schedule = LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.06 * total), max(0.0, 1 - step / total))
    )
    done = resume(run.out, model, optimizer, schedule)
    model.train()
    began, running = time.time(), 0.0
    for step in range(done, total):
        batch = encode(tokenizer, batches[step])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast):
            start, end = model(batch.inputs)
        loss = loss_of(start.float(), end.float(), batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        running = 0.98 * running + 0.02 * loss.item() if running else loss.item()
        if step % 50 == 0:
            speed = (step - done + 1) / (time.time() - began)
            left = (total - step) / speed / 60
            print(
                f"{run.out.name} {step}/{total} loss {running:.3f}"
                f" {speed:.2f} steps/s, {left:.0f} min left",
                flush=True,
            )
        if (step + 1) % run.every == 0 or step == total - 1:
            save(run.out, step + 1, model, optimizer, schedule)


def plan(run: Run) -> list[list[Group]]:
    """All steps of the training: groups of like length together, in random order."""
    chance = random.Random(run.seed)  # noqa: S311 - repeatable, and no secret
    hard = [article for path in run.hard for article in read(path)]
    easy = [article for path in run.easy for article in read(path)]
    written = [article for path in run.written for article in read(path)]
    batches: list[list[Group]] = []
    for _ in range(run.epochs):
        if run.shown == "cut":
            found = [
                *groups(hard, chance, run.mixes.hard, hard=True),
                *groups(easy, chance, run.mixes.easy, hard=False),
                *groups(written, chance, run.mixes.written, hard=True),
            ]
        else:
            bring = retrieved.groups if run.shown == "retrieved" else sentences.groups
            found = [
                *bring(hard, chance, run.mixes.hard),
                *bring(written, chance, run.mixes.written),
            ]
        chance.shuffle(found)
        for begin in range(0, len(found), 2000):
            window = sorted(found[begin : begin + 2000], key=_length)
            part: list[list[Group]] = [[]]
            for group in window:
                if sum(len(g.passages) for g in part[-1]) >= run.sequences:
                    part.append([])
                part[-1].append(group)
            chance.shuffle(part)
            batches += part
    return batches


def _length(group: Group) -> int:
    return max(len(passage.text) for passage in group.passages)


def save(out: Path, step: int, model: SpanModel, optimizer: Optimizer, schedule: LambdaLR) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
    }
    half = {k: v.half() for k, v in model.state_dict().items() if "embeddings" not in k}
    # Whole or not at all, and the weights first: a run goes on from behind what "last" says.
    for content, name in ((half, f"weights-{step:06}.pt"), (state, "last.pt")):
        torch.save(content, out / "unfinished")
        (out / "unfinished").replace(out / name)


def merge(runs: Sequence[Path], out: Path) -> None:
    """The mean of each run's last checkpoints (Izmailov et al. 2018), written as shipped."""
    paths = [path for run in runs for path in sorted(run.glob("weights-*.pt"))[-AVERAGED:]]
    states = [torch.load(path, weights_only=True) for path in paths]
    mean = {name: sum(s[name].float() for s in states) / len(states) for name in states[0]}
    model = SpanModel.from_embedding(packaged_model())
    model.load_state_dict(mean, strict=False)
    unfinished = out.with_suffix(".new")
    model.save(unfinished)
    unfinished.replace(out)  # what exists is taken for done


def between(old: Path, new: Path, share: float, out: Path) -> None:
    """Weights on the way from ``old`` to ``new``, ``share`` of it: what the old ones did well
    is mostly kept (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """
    before, after = load_file(old), load_file(new)
    mixed = {
        name: ((1 - share) * before[name].float() + share * value.float()).half().contiguous()
        for name, value in after.items()
    }
    save_file(mixed, out)


def upper(path: Path, first: int, out: Path) -> None:
    """Of trained weights the layers from ``first`` on, and the head."""
    kept = {
        name: value
        for name, value in load_file(path).items()
        if (layer := re.search(r"\.layer\.(\d+)\.", name)) is None or int(layer[1]) >= first
    }
    save_file(kept, out)


def resume(out: Path, model: SpanModel, optimizer: Optimizer, schedule: LambdaLR) -> int:
    if not (out / "last.pt").exists():
        return 0
    state = torch.load(out / "last.pt", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return int(state["step"])
