"""Draws an evaluation: risk against coverage, reliability, and how long answers took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from index.errors import BadInput, OperatorError
from index.evaluation.figures import reliability
from index.evaluation.outcome import Asked, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.evaluation.asking import Evaluation

Floats = NDArray[np.float64]


def plot(evaluation: Evaluation, path: str | Path) -> None:
    """Write a picture; the ending of ``path`` chooses the format (.png, .svg, .pdf).

    OperatorError when matplotlib is missing, BadInput when the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure as Picture  # noqa: PLC0415 - optional and heavy
    except ImportError as error:
        raise OperatorError(
            "Drawing needs matplotlib, which is not installed: pip install 'article-bot[plot]'."
        ) from error
    picture = Picture(figsize=(15, 4.5), layout="constrained")
    left, middle, right = picture.subplots(1, 3)
    _draw_risk(left, evaluation)
    _draw_reliability(middle, evaluation)
    _draw_latency(right, evaluation)
    try:
        picture.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise BadInput(f"The plot cannot be written to {path}: {error}.") from error


def risk_by_coverage(outcomes: Sequence[Outcome]) -> tuple[Floats, Floats]:
    """Coverage and risk as the threshold falls, most confident answer first.

    Coverage is the share of questions answered; risk the share of those whose quote holds
    no gold answer. Questions of equal confidence enter together: no threshold splits them.
    """
    ordered = sorted(outcomes, key=lambda outcome: -outcome.confidence)
    confidence = np.array([outcome.confidence for outcome in ordered])
    missed = np.cumsum([not outcome.hit for outcome in ordered])
    answered = np.arange(1, len(ordered) + 1)
    last_of_its_kind = np.append(confidence[1:] != confidence[:-1], True)[: len(ordered)]
    coverage, risk = answered / max(len(ordered), 1), missed / answered
    return coverage[last_of_its_kind], risk[last_of_its_kind]


def _draw_risk(axes: Any, evaluation: Evaluation) -> None:
    answerable = [o for o in evaluation.outcomes if o.asked is Asked.ANSWERABLE]
    own = [o for o in evaluation.outcomes if o.asked is not Asked.OFF_TOPIC]
    curves = [("answerable questions", answerable)]
    if len(own) > len(answerable):
        curves.append(("with unanswerable ones", own))
    for label, outcomes in curves:
        coverage, risk = risk_by_coverage(outcomes)
        axes.plot(coverage, risk, label=label)
        answered = sum(o.quotes > 0 and o.confidence >= evaluation.threshold for o in outcomes)
        if answered:
            share = answered / len(outcomes)
            axes.plot(
                share, np.interp(share, coverage, risk), "o", color=axes.lines[-1].get_color()
            )
    axes.set(
        title=f"Risk against coverage (dot: threshold {evaluation.threshold:.2f})",
        xlabel="coverage: share of questions answered",
        ylabel="risk: share of those quoted wrongly",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.grid(visible=True, alpha=0.3)
    axes.legend()


def _draw_reliability(axes: Any, evaluation: Evaluation) -> None:
    """How often answers of like confidence were right; on the diagonal it keeps its word."""
    own = [o for o in evaluation.outcomes if o.asked is not Asked.OFF_TOPIC]
    confidence = np.array([outcome.confidence for outcome in own])
    right = np.array([float(outcome.hit) for outcome in own])
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    if own:
        sure, true, count = reliability(confidence, right).T
        error = np.sqrt(true * (1 - true) / count)
        axes.errorbar(sure, true, yerr=1.96 * error, fmt="o-", capsize=3)
    axes.set(
        title="Reliability (bins of equal mass, 95 %)",
        xlabel="confidence",
        ylabel="share of quotes that hold a gold answer",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.grid(visible=True, alpha=0.3)


def _draw_latency(axes: Any, evaluation: Evaluation) -> None:
    elapsed = [o.elapsed_ms for o in evaluation.outcomes if not o.refused and o.elapsed_ms > 0]
    if elapsed:
        # The first few take many times as long as the rest, which would be one bar otherwise.
        low, high = min(elapsed) * 0.99, max(elapsed) * 1.01
        axes.hist(elapsed, bins=np.geomspace(low, high, 60))
        axes.set_xscale("log")
        steps = [m * 10.0**e for e in range(-3, 7) for m in (1, 2, 5)]
        ticks = [step for step in steps if low <= step <= high]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        for percent, style in ((50, "--"), (95, ":")):
            value = float(np.percentile(elapsed, percent))
            axes.axvline(value, linestyle=style, color="black", label=f"p{percent} {value:.1f} ms")
        axes.legend()
    axes.set(title="Time to an answer", xlabel="milliseconds", ylabel="questions")
