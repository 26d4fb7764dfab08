"""``modelmon demo``: a made-up credit model goes wrong three times, and the real daemon watches."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from monitor.daemon import Daemon
    from monitor.demo_log import DemoEvents
    from monitor.model import Config

_TOML = """\
# The configuration of the demonstration; `modelmon demo` wrote it.

[daemon]
state  = "sqlite:///modelmon.db"
listen = "{listen}"

[models.credit]
task   = "binary"
every  = "1d"
labels_within = "7d"
notify = ["terminal"]

[models.credit.source]
type   = "sql"
url    = "sqlite:///credit.db"
table  = "predictions"
labels = "labels"                     # the truth arrives later, in a table of its own

[models.credit.columns]
id = "prediction_id"
timestamp = "timestamp"
version = "version"
prediction = "prediction"
score = "score"
label = "label"
label_timestamp = "label_timestamp"

[models.credit.reference]
from = {start}
to   = {reference_end}

[alerts.terminal]
type = "stdout"
"""


@click.command()
@click.option("--once", is_flag=True, help="End when the history has been watched.")
@click.option(
    "--output",
    default="demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder for the log, the configuration, the state and the report.",
)
@click.option("--listen", default="127.0.0.1:9108", show_default=True, help="Address of /metrics.")
@click.option("--seed", default=7, show_default=True, help="Seed of the made-up log.")
def demo(once: bool, output: Path, listen: str, seed: int) -> None:
    """Make a log with known breaks, watch it with the real daemon in fast time, show the pages."""
    from monitor.cli.ops import make_daemon, served
    from monitor.cli.options import open_store
    from monitor.config import load
    from monitor.demo_log import write_log

    logging.basicConfig(level="WARNING")
    output.mkdir(parents=True, exist_ok=True)
    for leftover in ("credit.db", "modelmon.db", "modelmon.db-wal", "modelmon.db-shm"):
        (output / leftover).unlink(missing_ok=True)
    click.echo("1. making 90 days of predictions and late labels in credit.db …")
    events = write_log(output / "credit.db", seed=seed)
    path = output / "monitor.toml"
    text = _TOML.format(listen=listen, start=events.start, reference_end=events.reference_end)
    path.write_text(text, encoding="utf-8")
    config = load(path)
    click.echo(f"   {_story(events)}")
    click.echo("2. the daemon watches them, a day at a time; what it would page:")
    with open_store(config) as store:
        daemon = make_daemon(config, store)
        with served(daemon) as address:
            days = _watch(daemon, events)
            click.echo(f"   {days} days watched; metrics are at {address}")
            _probe(address)
            report = _report(config, output, events)
            click.echo(f"3. a report on the last day: {report}")
            if not once:
                click.echo("   serving until Ctrl-C …")
                daemon.stopping.wait()
    click.echo(f"   more: modelmon status --config {path}")


def _story(events: DemoEvents) -> str:
    return (
        f"normal until {events.reference_end}; an upstream join fails on {events.quality_break}; "
        f"applicants change from {events.covariate_drift}; version 2 from {events.version_change}; "
        f"the world changes from {events.concept_drift}"
    )


def _watch(daemon: Daemon, events: DemoEvents) -> int:
    """Run the daemon once for each day of the made-up history."""
    from monitor.sources import Horizon

    day, days = events.reference_end, 0
    clock = _end(events)
    while day <= events.end:
        now = datetime.combine(day, time(0, 5), UTC)
        daemon.clock = lambda now=now: now  # type: ignore[misc]
        daemon.round(Horizon(now, clock))
        day, days = day + timedelta(days=1), days + 1
        if days % 7 == 0:
            click.echo(f"{now:%Y-%m-%d %H:%M}Z … {days} days watched")
    return days


def _end(events: DemoEvents) -> datetime:
    """Five minutes past the last day of the history."""
    return datetime.combine(events.end, time(0, 5), UTC)


def _probe(address: str) -> None:
    """Ask the served addresses, as Prometheus and a load balancer would."""
    import requests

    base = address.removesuffix("/metrics")
    for page in ("/healthz", "/readyz", "/metrics"):
        answer = requests.get(base + page, timeout=10)
        lines = len(answer.text.splitlines())
        click.echo(f"   GET {page}: {answer.status_code}, {lines} line{'s' * (lines != 1)}")


def _report(config: Config, output: Path, events: DemoEvents) -> Path:
    from monitor.cli.judge import model_report
    from monitor.report import to_html
    from monitor.sources import Horizon

    horizon = Horizon(_end(events), _end(events))
    page = to_html(model_report(config, "credit", horizon, last=62).report)
    target = output / "report.html"
    target.write_text(page, encoding="utf-8")
    return target
