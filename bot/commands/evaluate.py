"""``evaluate``: question sets in, a table of figures out."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from bot.commands.options import threshold_option
from bot.commands.session import Session
from bot.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index import Evaluation

# Figures in the order of the table: key, words, and how the value is written.
ROWS = (
    ("quote_hit", "a quote holds a gold answer", "share"),
    ("quote_hit_placed", "... at its very place", "share"),
    ("quote_chars", "characters quoted, mean", "number"),
    ("span_exact", "answer is exactly a gold one", "share"),
    ("span_f1", "answer's F1", "share"),
    ("answered_answerable", "answerable: answered", "share"),
    ("quote_hit_when_answered", "... of these, with a gold answer", "share"),
    ("false_answers_unanswerable", "unanswerable: answered all the same", "share"),
    ("false_answers_off_topic", "off-topic: answered all the same", "share"),
    ("auroc_unanswerable", "AUROC against unanswerable", "area"),
    ("auroc_off_topic", "AUROC against off-topic", "area"),
    ("calibration_error", "calibration error", "area"),
    ("calibration_error_answerable", "... on answerable questions alone", "area"),
    ("p50_ms", "median time, ms", "number"),
    ("p95_ms", "95th percentile of time, ms", "number"),
    ("byte_exact", "quotes that are byte-exact", "share"),
)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@threshold_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
@click.option(
    "--plot",
    "plot_file",
    metavar="FILE",
    help="Draw risk against coverage, and the times, to FILE (.png, .svg or .pdf).",
)
@click.option("--slips", is_flag=True, help="Ask each with one slip of the finger in it.")
@click.option(
    "--ablate",
    is_flag=True,
    help="Ask them again with one ingredient left out each, from retrieval alone to all of it.",
)
@click.pass_obj
def evaluate(
    session: Session,
    *,
    files: tuple[str, ...],
    threshold: float | None,
    as_json: bool,
    plot_file: str | None,
    slips: bool,
    ablate: bool,
) -> None:
    """Measure the answers on question sets in the format of SQuAD (v1.1, v2.0).

    Every question is asked across its whole article, in a temporary library. Hits and
    spans are counted without declining; answers given in error, at the threshold in
    force. Off-topic questions are those of other articles of the file. In brackets: 95 %
    intervals by bootstrap over articles.
    """
    if plot_file is not None and find_spec("matplotlib") is None:
        raise click.UsageError("--plot needs matplotlib: pip install 'article-bot[plot]'.")
    if ablate and (plot_file or slips or threshold is not None):
        raise click.UsageError("--ablate goes with none of --plot, --slips and --threshold.")
    if ablate:
        _ablate(session, files, as_json=as_json)
        return
    with session.screen.working("Evaluating") as progress:
        import index  # noqa: PLC0415 - seconds of imports; help goes without

        evaluation = index.evaluate(
            files,
            session.settings,
            embedder=session.embedder,
            threshold=threshold,
            slips=slips,
            progress=progress,
        )
    if as_json:
        session.screen.line(evaluation.to_json())
    else:
        session.screen.show(figures_table(evaluation))
        session.screen.show(sorts_table(evaluation))
    if plot_file is not None:
        index.plot(evaluation, plot_file)


def _ablate(session: Session, files: tuple[str, ...], *, as_json: bool) -> None:
    found: list[tuple[str, Evaluation]] = []
    with session.screen.working("Evaluating") as progress:
        import index  # noqa: PLC0415 - seconds of imports; help goes without

        done = index.ablate(files, session.settings, embedder=session.embedder, progress=progress)
        for name, evaluation in done:
            found.append((name, evaluation))
            if as_json:
                session.screen.line({"variant": name} | evaluation.to_json())
    if not as_json:
        session.screen.show(ablation_table(found))


ABLATED = ("quote_hit", "span_f1", "auroc_unanswerable", "auroc_off_topic", "p50_ms")


def ablation_table(found: Sequence[tuple[str, Evaluation]]) -> Table:
    """A row a variant, over all files together."""
    rows = {key: (words, style) for key, words, style in ROWS}
    table = Table(title="What each ingredient is worth", box=None, pad_edge=False)
    table.add_column("")
    for key in ABLATED:
        table.add_column(rows[key][0], justify="right")
    for name, evaluation in found:
        table.add_row(name, *(_cell(evaluation.pooled[key], rows[key][1]) for key in ABLATED))
    return table


def sorts_table(evaluation: Evaluation) -> Table:
    """The answerable questions by their question word."""
    table = Table(title="By question word", box=None, pad_edge=False)
    for column in ("", "questions", "a quote holds a gold answer", "answer's F1"):
        table.add_column(column, justify="right" if column else "left")
    for sort in evaluation.sorts:
        hit, f1 = _written(sort.quote_hit, "share"), _written(sort.span_f1, "share")
        table.add_row(sort.sort, f"{sort.asked:,}", hit, f1)
    return table


def figures_table(evaluation: Evaluation) -> Table:
    """A column a file, and one for all together where there are several."""
    columns = list(evaluation.files)
    if len(columns) > 1:
        columns.append(evaluation.pooled)
    table = Table(
        title=f"{harmless(evaluation.model)}, threshold {evaluation.threshold:.2f}",
        box=None,
        pad_edge=False,
    )
    table.add_column("")
    for column in columns:
        table.add_column(Text(harmless(Path(column.name).name)), justify="right", overflow="fold")
    for count in ("articles", "answerable", "unanswerable", "off_topic", "refused"):
        cells = (f"{getattr(column, count):,}" for column in columns)
        table.add_row(
            f"{count.replace('_', '-')}{'' if count == 'articles' else ' questions'}", *cells
        )
    table.add_row()
    for key, words, style in ROWS:
        table.add_row(words, *(_cell(column[key], style) for column in columns))
    return table


def _cell(figure: Any, style: str) -> str:
    if figure.value is None:
        return "-"
    value = _written(figure.value, style)
    if figure.low is None:
        return value
    return f"{value} [{_written(figure.low, style)} - {_written(figure.high, style)}]"


def _written(value: float, style: str) -> str:
    if style == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.3f}" if style == "area" else f"{value:.1f}"
