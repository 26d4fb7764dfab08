"""``modelmon drift``: two files or tables compared, without a configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import (
    all_option,
    exit_code,
    fail_option,
    format_option,
    notice,
    writable,
)

if TYPE_CHECKING:
    from monitor.sources import Columns


@click.command()
@click.argument("reference")
@click.argument("current")
@format_option()
@all_option
@fail_option
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write an HTML report here.")
@click.option("--evidently", is_flag=True, help="Write Evidently's own report beside it.")
@click.option("--numeric", help="Numeric columns, separated by commas.")
@click.option("--categorical", help="Categorical columns, separated by commas.")
@click.option("--text", help="Columns of texts, separated by commas.")
@click.option("--embeddings", help="Columns of vectors, separated by commas.")
@click.option("--exclude", default="", help="Columns to leave out, separated by commas.")
@click.option(
    "--task",
    type=click.Choice(
        (
            "binary",
            "multiclass",
            "multilabel",
            "regression",
            "forecasting",
            "ranking",
            "clustering",
            "none",
        )
    ),
    default="none",
)
@click.option("--prediction", help="The column of predictions.")
@click.option("--score", help="The column of scores.")
@click.option("--label", help="The column of truth.")
@click.option("--query", help="The column that tells which rows of a ranking belong together.")
@click.option("--horizon", help="The column that tells how far ahead a forecast looks.")
@click.option("--positive", help="The positive class of a binary label.")
@click.pass_context
def drift(  # noqa: PLR0917  click passes all but the context by name
    ctx: click.Context,
    /,
    reference: str,
    current: str,
    form: str,
    everything: bool,
    fail_on: str,
    output: Path | None,
    evidently: bool,
    task: str,
    positive: str | None,
    **roles: str | None,
) -> None:
    """Compare two logs: how far has CURRENT moved from REFERENCE?

    Each is a file (.parquet, .csv, .jsonl), a folder or glob of such files, or a table written
    URL#TABLE, such as sqlite:///log.db#predictions.
    """
    from datetime import UTC, datetime

    from monitor.cli.show import comparison_report, show
    from monitor.oneoff import compare, guessed, open_log, shown, title_of
    from monitor.planning import Outlook
    from monitor.report import to_html

    writable(output)
    then, now = open_log(reference), open_log(current)
    _require(roles, {*then.names(), *now.names()})
    columns = _columns(guessed(then), roles)
    moment = datetime.now(UTC)
    result = compare(title_of(current), then, now, columns, Outlook(task, positive), moment)
    if form in ("jsonl", "junit"):  # the others show them
        notice(result.notices)
    report = comparison_report(result, shown(reference), shown(current), moment)
    show(report, form, fail_on, everything=everything)
    if output is not None:
        output.write_text(to_html(report), encoding="utf-8")
        click.echo(f"report: {output}", err=True)
    if evidently:
        from monitor.cli.options import horizon_of
        from monitor.evidently import beside
        from monitor.sources import ALL_TIME, Columns

        target = (output or Path("drift.html")).with_suffix(".evidently.html")
        old, new = ((log, Columns(), ALL_TIME) for log in (then, now))
        notice(beside(old, new, result.baseline.plan, horizon_of(None), target))
        click.echo(f"Evidently's report: {target}", err=True)
    ctx.exit(exit_code(result.findings, fail_on))


def _columns(guess: Columns, roles: dict[str, str | None]) -> Columns:
    """The roles as asked for, and as guessed where nothing was said."""
    numeric, categorical = _names(roles["numeric"]), _names(roles["categorical"])
    excluded = _names(roles["exclude"]) or ()
    return replace(
        guess,
        numeric=numeric,
        categorical=categorical,
        exclude=(*guess.exclude, *excluded),
        prediction=roles["prediction"] or guess.prediction,
        score=roles["score"] or guess.score,
        label=roles["label"] or guess.label,
        query=roles["query"],
        horizon=roles["horizon"],
        text=_names(roles["text"]) or (),
        embeddings=_names(roles["embeddings"]) or (),
    )


def _require(roles: dict[str, str | None], names: set[str]) -> None:
    """Refuse an option that names what is not there: it may be a typing error."""
    from monitor.hints import suggest

    for option, text in roles.items():
        for name in _names(text) or ():
            if name not in names and text not in names:
                hint = suggest(name, names)
                raise click.UsageError(f"--{option}: there is no column {name!r}; {hint}")


def _names(text: str | None) -> tuple[str, ...] | None:
    """The columns of a list with commas; None where nothing was said."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip()) or None
