"""``validate``, ``run``, ``status``, ``send-test`` and ``db``: what keeps the daemon running."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import (
    asked,
    config_option,
    format_option,
    horizon_of,
    load_config,
    notice,
    now_option,
    open_store,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sized

    from monitor.daemon import Daemon, Round
    from monitor.model import Config
    from monitor.store import Store


@click.command()
@config_option
@click.option("--connect", is_flag=True, help="Also try the state, every source and channel.")
@click.pass_context
def validate(ctx: click.Context, path: Path, connect: bool) -> None:
    """Show every problem of the configuration at once."""
    config = load_config(path)
    notice(config.notes)
    click.echo(
        f"{path}: fine ({_many(config.models, 'model')}, {_many(config.channels, 'channel')})"
    )
    if connect:
        from monitor.connect import try_out

        failed = 0
        for tried in try_out(config, horizon_of(None)):
            click.echo(f"{tried.place}: {tried.trouble or 'reached'}")
            notice(f"{tried.place}: {each}" for each in tried.notices)
            failed += bool(tried.trouble)
        ctx.exit(3 if failed else 0)


@click.command()
@config_option
@click.option("--once", is_flag=True, help="Make one pass over everything that is due, and end.")
@click.option("--log-level", default="info", type=click.Choice(("debug", "info", "warning")))
@now_option
@click.pass_context
def run(ctx: click.Context, path: Path, once: bool, log_level: str, now: datetime | None) -> None:
    """Watch the models: the daemon."""
    logging.basicConfig(
        level=log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    for talkative in ("apscheduler", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    if now is not None and not once:
        raise click.UsageError("--now needs --once")
    config, horizon = load_config(path), horizon_of(now)
    notice(config.notes)
    with open_store(config) as store:
        daemon = make_daemon(config, store)
        if once:
            done = daemon.round(horizon)
            tell(done, _on_screen(config))
            ctx.exit(3 if done.failed else 0)
        with served(daemon) as address:
            click.echo(f"modelmon watches {_many(config.models, 'model')}; metrics at {address}")
            daemon.serve()


def _many(things: Sized, word: str) -> str:
    return f"{len(things)} {word}{'s' * (len(things) != 1)}"


def make_daemon(config: Config, store: Store) -> Daemon:
    """A daemon over a configuration and its state."""
    from monitor.daemon import Daemon
    from monitor.export import Board

    return Daemon(config, store, Board(), config.channels)


@contextmanager
def served(daemon: Daemon) -> Iterator[str]:
    """The web server of a daemon, running."""
    from monitor.web import Server

    host, port = daemon.config.daemon.address
    server = Server(daemon.board, host, port, alive=daemon.alive, token=daemon.config.daemon.token)
    server.start()
    try:
        yield f"{server.url}/metrics"
    finally:
        server.stop()


def _on_screen(config: Config) -> set[str]:
    """The models whose messages a channel writes to standard output."""
    from alerts.stdout import Channel

    named = {name for name, channel in config.channels.items() if isinstance(channel, Channel)}
    return {model.name for model in config.models.values() if named & set(model.notify)}


def tell(done: Round, shown: Container[str]) -> None:
    """One line for each page, but of models that are ``shown`` already, and of each failure."""
    for message in done.messages:
        if message.model in shown:
            continue
        click.echo(
            f"{message.at:%Y-%m-%d %H:%M}Z {message.severity} {message.reason}: {message.title}"
        )
    for model, trouble in done.failed.items():
        click.echo(f"{model}: {trouble}", err=True)
    for (channel, reason), times in done.delivered.failed.items():
        click.echo(f"{channel}: {times} not delivered yet ({reason}); tried again later", err=True)
    click.echo(f"{done.windows} windows evaluated", err=True)


@click.command()
@config_option
@format_option("text", "json")
@click.pass_context
def status(ctx: click.Context, path: Path, form: str) -> None:
    """Show models, their newest windows and open incidents."""
    from monitor.cli.overview import overview, overview_text

    config = load_config(path)
    with asked(config) as store:
        if store is None:
            notice(["there is no state yet; `modelmon run` makes it"])
        shown = overview(config, store)
    if form == "json":
        from monitor.cli.show import show_json

        show_json(shown)
    else:
        click.echo(overview_text(shown))
    ctx.exit(1 if any(model["incidents"] for model in shown) else 0)


@click.command("send-test")
@click.argument("channel")
@config_option
def send_test(channel: str, path: Path) -> None:
    """Send a test message through a channel."""
    from alerts.delivery import DeliveryError
    from monitor.connect import trial_message
    from monitor.hints import suggest

    config = load_config(path)
    if channel not in config.channels:
        raise click.UsageError(
            f"there is no [alerts.{channel}]; {suggest(channel, config.channels)}"
        )
    moment = horizon_of(None).clock
    try:
        config.channels[channel].send(trial_message(moment), f"test/{moment.isoformat()}", None)
    except DeliveryError as error:
        click.echo(f"{channel}: not delivered: {error}", err=True)
        sys.exit(3)
    click.echo(f"{channel}: delivered")


@click.group()
def db() -> None:
    """Look after the state database."""


@db.command()
@config_option
def upgrade(path: Path) -> None:
    """Bring the state database to this version's schema."""
    with open_store(load_config(path)):
        click.echo("the state database has this version's schema")
