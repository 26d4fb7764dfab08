"""``check``, ``report`` and ``backtest``: windows judged without touching the state."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from monitor.cli.options import (
    all_option,
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
    progressing,
    writable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.baseline import Baseline
    from monitor.model import Config, Model
    from monitor.replay import Replayed
    from monitor.report import Report
    from monitor.sources import Horizon, SourceError
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
@all_option
@fail_option
@now_option
@click.pass_context
def check(  # noqa: PLR0917  click passes all but the context by name
    ctx: click.Context,
    model: str | None,
    path: Path,
    since: datetime | None,
    until: datetime | None,
    form: str,
    everything: bool,
    fail_on: str,
    now: datetime | None,
) -> None:
    """Judge the newest finished window, or those between --from and --to, and keep nothing.

    JSON is a list with one report for each model and window. A model whose log cannot be read does
    not keep the others from being judged; the exit code is then 3.
    """
    from monitor.cli.show import show_all
    from monitor.sources import SourceError

    config, horizon = load_config(path), horizon_of(now)
    span = _span(since, until, horizon)
    reports, unread = [], 0
    for each in chosen(config, model):
        try:
            baseline, notices = baseline_of(config, each, horizon)
            notice(notices)
            results = _results(each, baseline, horizon, span, last=1 if span is None else None)
        except SourceError as error:
            unread += 1
            click.echo(f"modelmon: {each.name}: {_about(error, each.name)}", err=True)
            continue
        reports += [_report(each, baseline, [result], horizon) for result in results]
    if reports:
        show_all(reports, form, fail_on, everything=everything)
    ctx.exit(3 if unread else exit_code((f for r in reports for f in r.findings), fail_on))


def _about(error: SourceError, model: str) -> str:
    return str(error).removeprefix(f"{model}: ")


@click.command()
@click.argument("model")
@config_option
@_span_options
@now_option
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Windows of history to show.",
)
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
    target = output or Path(re.sub(r"[^\w.-]+", "_", model) + ".html")
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
    from monitor.report.words import counted

    config, horizon = load_config(path), horizon_of(as_of)
    span = _span(since, until, horizon)
    for each in chosen(config, model):
        baseline, notices = baseline_of(config, each, horizon)
        notice(notices)
        windows = windows_of(each, baseline, horizon, span)
        pages = 0
        results = replay(each, baseline, windows, horizon)
        for result in progressing(results, len(windows), each.name):
            pages += len(result.pages)
            if form == "jsonl":
                for line in to_jsonl(result.findings):
                    click.echo(line)
                for page in result.pages:
                    click.echo(page_line(page))
            else:
                _line(result)
        if form == "text":
            told = f"{counted(len(windows), 'window')}, {counted(pages, 'page')}"
            click.echo(f"{each.name}: {told}")


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
    from monitor.windows import EARLIEST, Window

    if since is None and until is None:
        return None
    if since is None:
        raise click.UsageError("--to needs --from")
    if since.year < EARLIEST:
        raise click.UsageError(f"--from {since.date()} lies before {EARLIEST}, as no log does")
    end = until or horizon.known_at
    if end <= since:
        raise click.UsageError(
            "--to must lie after --from" if until else "--from must lie before the present"
        )
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
    calendar = model.schedule.calendar
    if span is not None and windows == [span] and calendar.containing(span.start) != span:
        notice([f"{span} holds no whole window of {calendar.every}: judged all the same, as one"])
    return list(progressing(replay(model, baseline, windows, horizon), len(windows), model.name))


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
    from monitor.windows import State

    newest = results[-1]
    reference = "reference" if baseline.period == ALL_TIME else f"reference {baseline.period}"
    return Report(
        title=model.name,
        model=model.name,
        generated_at=horizon.clock,
        compared=Compared(
            reference,
            str(newest.window),
            baseline.rows,
            newest.portrait.rows,
            _accepted(baseline),
        ),
        findings=newest.findings,
        reference=baseline.portraits[WHOLE].columns,
        current=newest.portrait.columns,
        history=tuple(f for result in results for f in result.findings),
        notices=(*notices, *_waiting(model, newest)),
        version=__version__,
        provisional=frozenset(r.window for r in results if r.state is State.PROVISIONAL),
        norms=_norms(model, baseline),
    )


def _waiting(model: Model, newest: Replayed) -> Iterator[str]:
    """Why the newest window has no performance yet, and where that of an older one is told."""
    from monitor.findings import waits_for_labels

    label = model.columns.label
    if any(waits_for_labels(finding, newest.state, label) for finding in newest.findings):
        yield (
            "labels of this window still come: what needs them is not judged yet; modelmon status "
            "tells the newest performance known"
        )


def _accepted(baseline: Baseline) -> str:
    """Who took a stored baseline for normal, and why; empty for one that was learnt just now."""
    if not baseline.version:
        return ""
    when = "" if baseline.accepted_at is None else f" on {baseline.accepted_at:%Y-%m-%d}"
    told = f"version {baseline.version}, accepted by {baseline.accepted_by}{when}"
    return f"{told}: {baseline.note}" if baseline.note else told


def _norms(model: Model, baseline: Baseline) -> dict[str, float]:
    """What each check of the outcome measures on the reference itself, where it can."""
    from monitor.evaluate import Target, evaluate
    from monitor.findings import WHOLE

    portrait = baseline.portraits[WHOLE]
    if portrait.outcome is None:
        return {}
    rules = [rule for rule in model.rules if isinstance(portrait.outcome, rule.check.takes)]
    whole = {WHOLE: portrait}
    findings = evaluate(Target(model.name, baseline.period), baseline.plan, rules, whole, whole)
    return {
        finding.check: finding.stat.value
        for finding in findings
        if finding.stat is not None and (finding.verdict.judged or finding.verdict == "undecided")
    }
