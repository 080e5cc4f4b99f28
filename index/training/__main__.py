"""Train the reader: python -m index.training OUT --hard FILE... --easy FILE...

OUT/reader.safetensors is what `index/data` ships. Two stages: the first teaches the
embedding model to mark answers; the second goes on from there, twice, in orders of its
own, with near-misses of every sort, and the mean of both runs' last checkpoints is the
reader (Wortsman et al. 2022, "Model soups").

Files are in the format of SQuAD. ``--hard`` ones are asked against whole articles, with
negatives that retrieval finds; ``--easy`` ones within their passage. Goes on from the last
checkpoint after an interruption; a stage that is done is not done again.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from index.training.examples import FIRST, SECOND, Mix
from index.training.running import Run, merge, train

SEED = 7
SEEDS = (7, 8)
EVERY = 100
"""Steps between checkpoints in the second stage, of which the last are averaged."""
UNANSWERABLE = ("swapped", "opposed", "removed", "left_out", "far", "again")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m index.training", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hard", type=Path, nargs="+", required=True)
    parser.add_argument("--easy", type=Path, nargs="*", default=[])
    parser.add_argument("--steps", type=int, nargs=2, default=(3000, 1500), help="of both stages")
    parser.add_argument("--processes", type=int, default=1, help="second-stage runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument(
        "--without",
        nargs="*",
        default=[],
        choices=UNANSWERABLE,
        help="leave these sorts of unanswerable questions out of the second stage",
    )
    options = parser.parse_args()
    first = options.out / "first.safetensors"
    shared = Run(
        out=options.out / "first",
        begin=None,
        hard=tuple(options.hard),
        easy=tuple(options.easy),
        mixes=FIRST,
        seed=SEED,
        steps=options.steps[0],
        rate=2e-4,
        every=400,
        threads=options.threads,
    )
    if not first.exists():
        train(shared)
        merge([shared.out], first)
    mixes = {hard: without(mix, options.without) for hard, mix in SECOND.items()}
    runs = [
        replace(
            shared,
            out=options.out / f"second-{seed}",
            begin=first,
            mixes=mixes,
            seed=seed,
            steps=options.steps[1],
            rate=1e-4,
            every=EVERY,
        )
        for seed in SEEDS
    ]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        pool.map(train, runs, chunksize=1)
    merge([run.out for run in runs], options.out / "reader.safetensors")


def without(mix: Mix, names: Sequence[str]) -> Mix:
    kept = {f.name: getattr(mix, f.name) for f in fields(mix)}
    return Mix(**(kept | dict.fromkeys(names, 0)))


if __name__ == "__main__":
    main()
