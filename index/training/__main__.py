"""Train the reader: python -m index.training OUT --hard FILE... --easy FILE...

OUT/reader.safetensors is what `index/data` ships: the mean of the last checkpoints.

Files are in the format of SQuAD. ``--hard`` ones are asked against whole articles, with
negatives that retrieval finds; ``--easy`` ones within their passage. Writes checkpoints
to OUT and goes on from the last one after an interruption.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoTokenizer

from index.reader.model import SpanModel
from index.training.batches import encode, loss_of
from index.training.examples import Group, groups, read
from index.weights import packaged_model

SEED = 7
AVERAGED = 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m index.training", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hard", type=Path, nargs="+", required=True)
    parser.add_argument("--easy", type=Path, nargs="*", default=[])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--sequences", type=int, default=32, help="passages in a step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=None, help="end the schedule after so many")
    parser.add_argument("--limit", type=int, default=None, help="steps, for a trial")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    options.out.mkdir(parents=True, exist_ok=True)
    train(options)
    finish(options.out)


def train(options: argparse.Namespace) -> None:
    folder = packaged_model()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = SpanModel.from_embedding(folder, attention="eager")
    batches = plan(options)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=options.rate, weight_decay=0.01
    )
    total = min(len(batches), options.steps or len(batches))
    schedule = LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.06 * total), max(0.0, 1 - step / total))
    )
    done = resume(options.out, model, optimizer, schedule)
    model.train()
    began, running = time.time(), 0.0
    for step in range(done, total):
        if options.limit is not None and step - done >= options.limit:
            break
        batch = encode(tokenizer, batches[step])
        with torch.autocast("cpu", dtype=torch.bfloat16):
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
                f"{step}/{total} loss {running:.3f} {speed:.2f} steps/s, {left:.0f} min left",
                flush=True,
            )
        if step % 400 == 399 or step == total - 1:
            save(options.out, step + 1, model, optimizer, schedule)


def plan(options: argparse.Namespace) -> list[list[Group]]:
    """All steps of the training: groups of like length together, in random order."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable, and no secret
    hard = [article for path in options.hard for article in read(path)]
    easy = [article for path in options.easy for article in read(path)]
    batches: list[list[Group]] = []
    for _ in range(options.epochs):
        found = [*groups(hard, chance, hard=True), *groups(easy, chance, hard=False)]
        chance.shuffle(found)
        for begin in range(0, len(found), 2000):
            window = sorted(found[begin : begin + 2000], key=_length)
            part: list[list[Group]] = [[]]
            for group in window:
                if sum(len(g.passages) for g in part[-1]) >= options.sequences:
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
    torch.save(state, out / "last.new")
    (out / "last.new").replace(out / "last.pt")
    torch.save(
        {k: v.half() for k, v in model.state_dict().items() if "embeddings" not in k},
        out / f"weights-{step:06}.pt",
    )


def finish(out: Path) -> None:
    """Average the last checkpoints (Izmailov et al. 2018) and write them as they are shipped."""
    states = [
        torch.load(p, weights_only=True) for p in sorted(out.glob("weights-*.pt"))[-AVERAGED:]
    ]
    mean = {name: sum(s[name].float() for s in states) / len(states) for name in states[0]}
    model = SpanModel.from_embedding(packaged_model())
    model.load_state_dict(mean, strict=False)
    model.save(out / "reader.safetensors")


def resume(out: Path, model: SpanModel, optimizer: Optimizer, schedule: LambdaLR) -> int:
    if not (out / "last.pt").exists():
        return 0
    state = torch.load(out / "last.pt", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return int(state["step"])


if __name__ == "__main__":
    main()
