"""Train the reader: python -m index.training OUT --hard FILE... --easy FILE... --written FOLDER

OUT/reader.safetensors and OUT/verifier.safetensors are what `index/data` ships. Four stages: the
first teaches the embedding model to mark answers; the second goes on from there with near-misses
of every sort that a rule can make; the third with questions and near-misses that were written
down for articles of the kinds that people keep. The second and the third run twice, each in
an order of its own, and end as the mean of both runs' last checkpoints (Wortsman et al.
2022, "Model soups"). From a place between both the fourth goes on, in the passages that retrieval
brings. The verifier shares its lower layers; its own learn, from that place, to tell single
sentences that answer from those that only look so. Both are taught in one order, end as the mean
of their last checkpoints, and go on from there in another; the reader is half way between both
ends, and goes on in three orders more, in which no layer is frozen, half of the way to the end of
each.

Files are in the format of SQuAD, folders as ``index.training.written`` reads them.
``--hard`` ones are asked against whole articles, with negatives that retrieval finds;
``--easy`` ones within their passage. Goes on from the last checkpoint after an
interruption; a stage that is done is not done again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from index.reader.spans import VERIFIED_FROM
from index.training.examples import FIRST, FOURTH, SECOND, THIRD, VERIFIER, Mix
from index.training.running import Run, between, merge, train, upper

SEED = 7
SEEDS = (7, 8)
"""Of the orders in which a stage is done."""
FREED_SEEDS = (9, 10, 11)
"""Of the reader's last orders, in which no layer is frozen."""
EVERY = 100
"""Steps between checkpoints in the second stage, of which the last are averaged; the third's are
half as far apart, the verifier's three times."""
FOURTH_EVERY = 150
STEPS = (3000, 1500, 600, 1600, 2600)
FROZEN = 2
"""Layers that the third stage leaves as they are."""
SHARE = 0.7
"""How far the fourth stage begins on the way from the second stage's weights to the third's."""
SHARE_AGAIN = 0.5
"""How far the reader goes on to where another order of the fourth stage ended. At the end of
its second it told near-misses best, but of clumsy articles' quotes two in a hundred fewer were
right."""
UNANSWERABLE = ("swapped", "opposed", "removed", "left_out", "far", "again")


def asked_for() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m index.training", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hard", type=Path, nargs="+", required=True)
    parser.add_argument("--easy", type=Path, nargs="*", default=[])
    parser.add_argument("--written", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--steps", type=int, nargs=5, default=STEPS, help="of each stage, and order"
    )
    parser.add_argument("--processes", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument(
        "--without",
        nargs="*",
        default=[],
        choices=UNANSWERABLE,
        help="leave these sorts of unanswerable questions out of the second stage",
    )
    return parser.parse_args()


def main() -> None:
    options = asked_for()
    first = options.out / "first.safetensors"
    shared = Run(
        out=options.out / "first",
        begin=None,
        hard=tuple(options.hard),
        easy=tuple(options.easy),
        written=tuple(options.written),
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
    second = options.out / "second.safetensors"
    left_out = options.without
    mixes = replace(
        SECOND, hard=without(SECOND.hard, left_out), easy=without(SECOND.easy, left_out)
    )
    gone_on = replace(shared, begin=first, mixes=mixes, steps=options.steps[1], rate=1e-4)
    twice(gone_on, options.out / "second", EVERY, second, options.processes)
    ended = replace(
        gone_on, begin=second, mixes=THIRD, steps=options.steps[2], epochs=1, frozen=FROZEN
    )
    third = options.out / "third.safetensors"
    twice(ended, options.out / "third", EVERY // 2, third, options.processes)
    known = options.out / "known.safetensors"
    between(second, third, SHARE, known)
    # The verifier is taught above these lower layers, whichever way the reader goes on.
    above = replace(ended, begin=known, frozen=VERIFIED_FROM)
    brought = replace(
        above, mixes=FOURTH, steps=options.steps[3], every=FOURTH_EVERY, shown="retrieved"
    )
    once, again = in_turn(brought, options.out / "fourth")
    fourth = options.out / "fourth.safetensors"
    between(once, again, SHARE_AGAIN, fourth)
    reader = fourth
    for seed in FREED_SEEDS:
        free = replace(brought, begin=reader, frozen=0)
        (freed,) = in_turn(free, options.out / "freed", [seed])
        between(reader, freed, SHARE_AGAIN, half_way := options.out / f"reader-{seed}.safetensors")
        reader = half_way
    shutil.copyfile(reader, options.out / "reader.safetensors")
    # The verifier tells no worse above the lower layers that these orders change.
    verifier = replace(
        above, mixes=VERIFIER, steps=options.steps[4], every=3 * EVERY, shown="sentences"
    )
    *_, learnt = in_turn(verifier, options.out / "verifier")
    upper(learnt, VERIFIED_FROM, options.out / "verifier.safetensors")


def in_turn(run: Run, out: Path, seeds: Sequence[int] = SEEDS) -> list[Path]:
    """Do one stage in each order, one going on from the other, and say where each ended."""
    ends = []
    for seed in seeds:
        own = out.with_name(f"{out.name}-{seed}")
        learnt = own.with_suffix(".safetensors")
        if not learnt.exists():
            train(replace(run, out=own, seed=seed))
            merge([own], learnt)
        run = replace(run, begin=learnt)
        ends.append(learnt)
    return ends


def twice(run: Run, out: Path, every: int, merged: Path, processes: int) -> None:
    """Do one stage in two orders, and write the mean of both."""
    if merged.exists():
        return
    runs = [
        replace(run, out=out.with_name(f"{out.name}-{seed}"), seed=seed, every=every)
        for seed in SEEDS
    ]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(train, runs, chunksize=1)
    merge([each.out for each in runs], merged)


def without(mix: Mix, names: Sequence[str]) -> Mix:
    kept = {f.name: getattr(mix, f.name) for f in fields(mix)}
    return Mix(**(kept | dict.fromkeys(names, 0)))


if __name__ == "__main__":
    main()
