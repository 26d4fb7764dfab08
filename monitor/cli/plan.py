"""``modelmon plan``: what watching will cost and what is watched, before anything runs."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import (
    asked,
    chosen,
    config_option,
    format_option,
    horizon_of,
    load_config,
    now_option,
)

if TYPE_CHECKING:
    from monitor.model import Config
    from monitor.windows import Seen


@click.command()
@click.argument("model", required=False)
@config_option
@format_option("text", "json", "markdown")
@now_option
@click.pass_context
def plan(
    ctx: click.Context, model: str | None, path: Path, form: str, now: datetime | None
) -> None:
    """Show what is watched and what it will cost; nothing is kept.

    The reference and one window are read, as the daemon would read them. A model whose log cannot
    be read does not keep the others from being shown; the exit code is then 3.
    """
    from monitor.cli.forecasts import as_markdown, as_record, as_text
    from monitor.cli.show import show_json
    from monitor.forecast import forecast
    from monitor.sources import SourceError

    config, horizon = load_config(path), horizon_of(now)
    made, unread = [], 0
    for each in chosen(config, model):
        try:
            seen = _seen(config, each.name)
            made.append(forecast(each, horizon, time.process_time, seen, time.monotonic))
        except SourceError as error:
            unread += 1
            click.echo(
                f"modelmon: {each.name}: {str(error).removeprefix(f'{each.name}: ')}", err=True
            )
    if form == "json":
        show_json(map(as_record, made))
    elif made:
        click.echo("\n".join(map(as_text if form == "text" else as_markdown, made)), nl=False)
    ctx.exit(3 if unread else 0)


def _seen(config: Config, model: str) -> tuple[Seen, ...]:
    """What the ledger knows of a model's windows."""
    from monitor.windows import Seen

    with asked(config) as store:
        entries = () if store is None else store.ledger(model)
    return tuple(Seen(e.window, e.revision, e.state, e.evaluated_at) for e in entries)
