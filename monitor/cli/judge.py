"""``check``, ``report`` and ``backtest``: windows judged without touching the state."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from monitor.cli.options import (
    baseline_of,
    chosen,
    config_option,
    exit_code,
    fail_option,
    format_option,
    horizon_of,
    load_config,
    moment,
    notice,
    now_option,
    writable,
)

if TYPE_CHECKING:
    from monitor.baseline import Baseline
    from monitor.config import Config, Model
    from monitor.replay import Replayed
    from monitor.report import Report
    from monitor.sources import Horizon
    from monitor.windows import Window


class Shown(NamedTuple):
    """A report, and what it compares."""

    report: Report
    baseline: Baseline
    window: Window


def _span_options(command: click.decorators.FC) -> click.decorators.FC:
    until = click.option("--to", "until", type=moment, help="Up to here (not included).")
    since = click.option("--from", "since", type=moment, help="From this moment on.")
    return since(until(command))


@click.command()
@click.argument("model", required=False)
@config_option
@_span_options
@format_option()
@fail_option
@now_option
@click.pass_context
def check(
    ctx: click.Context,
    model: str | None,
    path: Path,
    since: datetime | None,
    until: datetime | None,
    form: str,
    fail_on: str,
    now: datetime | None,
) -> None:
    """Judge the newest finished window, or those between --from and --to, and keep nothing."""
    from monitor.cli.show import show, show_findings

    config, horizon = load_config(path), horizon_of(now)
    span = _span(since, until, horizon)
    reports = []
    for each in chosen(config, model):
        baseline, notices = baseline_of(config, each, horizon)
        notice(notices)
        results = _results(each, baseline, horizon, span, last=1 if span is None else None)
        reports += [_report(each, baseline, [result], horizon) for result in results]
    if form in ("jsonl", "junit"):
        show_findings([f for report in reports for f in report.findings], form, fail_on)
    else:
        for report in reports:
            show(report, form, fail_on)
    ctx.exit(exit_code((f for report in reports for f in report.findings), fail_on))


@click.command()
@click.argument("model")
@config_option
@_span_options
@now_option
@click.option("--last", default=30, show_default=True, help="Windows of history to show.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="The file to write.")
@click.option("--evidently", is_flag=True, help="Write Evidently's own report beside it.")
def report(
    model: str,
    path: Path,
    since: datetime | None,
    until: datetime | None,
    now: datetime | None,
    last: int,
    output: Path | None,
    evidently: bool,
) -> None:
    """Write one HTML file on a model's newest window, with the history before it."""
    from monitor.report import to_html

    writable(output)
    config, horizon = load_config(path), horizon_of(now)
    shown = model_report(config, model, horizon, last, _span(since, until, horizon))
    target = output or Path(f"{model}.html")
    target.write_text(to_html(shown.report), encoding="utf-8")
    click.echo(str(target))
    if evidently:
        from monitor.evidently import beside, sides

        other = target.with_suffix(".evidently.html")
        both = sides(config.model(model), shown.baseline.period, shown.window)
        notice(beside(*both, shown.baseline.plan, horizon, other))
        click.echo(str(other))


@click.command()
@click.argument("model", required=False)
@config_option
@_span_options
@format_option("text", "jsonl")
@click.option("--as-of", type=moment, help="Only rows and labels known at this moment.")
def backtest(
    model: str | None,
    path: Path,
    since: datetime | None,
    until: datetime | None,
    form: str,
    as_of: datetime | None,
) -> None:
    """Replay history through the alerting: findings, and the pages it would have sent."""
    from monitor.replay import replay, windows_of
    from monitor.report import page_line, to_jsonl

    config, horizon = load_config(path), horizon_of(as_of)
    span = _span(since, until, horizon)
    for each in chosen(config, model):
        baseline, notices = baseline_of(config, each, horizon)
        notice(notices)
        windows = windows_of(each, baseline, horizon, span)
        pages = 0
        for result in replay(each, baseline, windows, horizon):
            pages += len(result.pages)
            if form == "jsonl":
                for line in to_jsonl(result.findings):
                    click.echo(line)
                for page in result.pages:
                    click.echo(page_line(page))
            else:
                _line(result)
        if form == "text":
            click.echo(f"{each.name}: {len(windows)} windows, {pages} pages")


def model_report(
    config: Config, name: str, horizon: Horizon, last: int, span: Window | None = None
) -> Shown:
    """The report on a model's newest window with the history before it."""
    model = config.model(name)
    baseline, notices = baseline_of(config, model, horizon)
    results = _results(model, baseline, horizon, span, last)
    shown = _report(model, baseline, results, horizon, notices)
    return Shown(shown, baseline, results[-1].window)


def _line(result: Replayed) -> None:
    counts: dict[str, int] = {}
    for finding in result.findings:
        counts[finding.verdict] = counts.get(finding.verdict, 0) + 1
    told = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
    click.echo(f"{result.window}  {result.portrait.rows:>7,} rows  {told}")
    for page in result.pages:
        click.echo(f"    PAGE {page.severity} {page.reason}: {page.title}")


def _span(since: datetime | None, until: datetime | None, horizon: Horizon) -> Window | None:
    from monitor.windows import Window

    if since is None and until is None:
        return None
    if since is None:
        raise click.UsageError("--to needs --from")
    end = until or horizon.known_at
    if end <= since:
        raise click.UsageError("--to must lie after --from")
    return Window(since, end)


def _results(
    model: Model,
    baseline: Baseline,
    horizon: Horizon,
    span: Window | None,
    last: int | None,
) -> list[Replayed]:
    from monitor.replay import replay, windows_of
    from monitor.sources import WrongSchema

    windows = windows_of(model, baseline, horizon, span)
    if last is not None:
        windows = windows[-last:]
    if not windows:
        raise WrongSchema(f"{model.name}: the log has no finished window after its reference")
    return list(replay(model, baseline, windows, horizon))


def _report(
    model: Model,
    baseline: Baseline,
    results: list[Replayed],
    horizon: Horizon,
    notices: tuple[str, ...] = (),
) -> Report:
    from monitor._version import __version__
    from monitor.findings import WHOLE
    from monitor.report import Compared, Report
    from monitor.sources import ALL_TIME

    newest = results[-1]
    reference = "reference" if baseline.period == ALL_TIME else f"reference {baseline.period}"
    return Report(
        title=model.name,
        model=model.name,
        generated_at=horizon.clock,
        compared=Compared(reference, str(newest.window), baseline.rows, newest.portrait.rows),
        findings=newest.findings,
        reference=baseline.portraits[WHOLE].columns,
        current=newest.portrait.columns,
        history=tuple(f for result in results for f in result.findings),
        notices=notices,
        version=__version__,
    )
