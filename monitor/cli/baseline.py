"""``modelmon baseline``: what counts as normal, taken, shown and listed."""

from __future__ import annotations

import getpass
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from monitor.cli.options import (
    asked,
    chosen,
    config_option,
    format_option,
    horizon_of,
    load_config,
    moment,
    notice,
    now_option,
    open_store,
    saying,
)


@click.group()
def baseline() -> None:
    """Take, show and list what counts as normal."""


@baseline.command()
@click.argument("model")
@config_option
@click.option("--from", "since", type=moment, help="Start of the new reference period.")
@click.option("--to", "until", type=moment, help="Its end (not included).")
@click.option("--note", required=True, help="Why this is normal now; kept with the baseline.")
@click.option("--by", default=None, help="Who says so.  [default: the user at the terminal]")
@now_option
def accept(
    model: str,
    path: Path,
    since: datetime | None,
    until: datetime | None,
    note: str,
    by: str | None,
    now: datetime | None,
) -> None:
    """Take a period of the log (or the configured reference) as the new normal."""
    from monitor.learn import learn
    from monitor.model import Reference
    from monitor.windows import Window

    config, horizon = load_config(path), horizon_of(now)
    each = config.model(model)
    signed_by = by or _user()
    if not note.strip():
        raise click.UsageError("--note must say why this is normal now")
    if (since is None) != (until is None):
        raise click.UsageError("--from and --to go together")
    if since is not None and until is not None:
        if until <= since:
            raise click.UsageError("--to must lie after --from")
        each = replace(each, reference=Reference(Window(since, until)))
    with saying(model) as tell:
        learnt, notices = learn(each, horizon, tell)
    notice(notices)
    signed = replace(learnt, accepted_by=signed_by, note=note)
    with open_store(config) as store:
        kept = store.save_baseline(signed, horizon.known_at)
    click.echo(f"{model}: baseline {kept.version} of {kept.rows:,} rows is in force")


def _user() -> str:
    """The user at the terminal; in a container there may be none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise click.UsageError("this machine knows no name for you; write --by NAME") from None


@baseline.command()
@click.argument("model")
@config_option
def show(model: str, path: Path) -> None:
    """Show the baseline in force, column by column."""
    from monitor.cli.overview import baseline_text

    config = load_config(path)
    config.model(model)
    with asked(config) as store:
        kept = None if store is None else store.baseline(model)
    if kept is None:
        raise click.UsageError(f"{model} has no baseline yet; `modelmon run` makes the first one")
    click.echo(baseline_text(kept))


@baseline.command("list")
@click.argument("model", required=False)
@config_option
@format_option("text", "json")
def list_(model: str | None, path: Path, form: str) -> None:
    """List all baselines, newest last."""
    from dataclasses import asdict

    from monitor.cli.show import show_json

    config = load_config(path)
    models = chosen(config, model)
    with asked(config) as store:
        infos = [] if store is None else [i for each in models for i in store.baselines(each.name)]
    if form == "json":
        show_json(asdict(info) for info in infos)
        return
    for info in infos:
        click.echo(
            f"{info.model} {info.version}  {info.accepted_at:%Y-%m-%d %H:%M}Z  {info.rows:>9,} rows"
            f"  {info.fingerprint[:12]}  {info.accepted_by}: {info.note}"
        )
