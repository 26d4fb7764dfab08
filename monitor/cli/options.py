"""Options and small steps that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from monitor.baseline import Baseline
    from monitor.findings import Finding
    from monitor.model import Config, Model
    from monitor.sources import Horizon
    from monitor.store import Store

_F = TypeVar("_F", bound=Callable[..., object])
_T = TypeVar("_T")
_FORMATS = ("text", "json", "jsonl", "markdown", "junit")


def moment(text: str) -> datetime:
    """A date or time; without an offset it is UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        said = f"{text!r} is no time; write 2024-01-31 or 2024-01-31T06:00Z"
        raise click.BadParameter(said) from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def config_option(command: _F) -> _F:
    """Add ``--config``."""
    return click.option(
        "--config",
        "-c",
        "path",
        default="monitor.toml",
        show_default=True,
        type=click.Path(path_type=Path),
        help="The configuration.",
    )(command)


def format_option(*formats: str) -> Callable[[_F], _F]:
    """Add ``--format`` with these choices (all of them by default)."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(formats or _FORMATS),
        default="text",
        show_default=True,
        help="How to print.",
    )


def fail_option(command: _F) -> _F:
    """Add ``--fail-on``."""
    return click.option(
        "--fail-on",
        type=click.Choice(("critical", "warning", "never")),
        default="critical",
        show_default=True,
        help="End with exit code 1 from this verdict on.",
    )(command)


def all_option(command: _F) -> _F:
    """Add ``--all``."""
    return click.option(
        "--all", "everything", is_flag=True, help="Print every row of the text, however many."
    )(command)


def now_option(command: _F) -> _F:
    """Add ``--now``."""
    return click.option(
        "--now",
        type=moment,
        help="Act as if this were the present: later rows and labels are not known yet.",
    )(command)


def horizon_of(now: datetime | None) -> Horizon:
    """What may be seen: up to now, or up to a moment that is replayed."""
    from monitor.sources import Horizon

    clock = datetime.now(UTC)
    if now is not None and now > clock:
        raise click.UsageError(
            f"{now:%Y-%m-%d %H:%M}Z lies in the future; only the past can be replayed"
        )
    return Horizon(clock if now is None else now, clock)


def load_config(path: Path) -> Config:
    """The configuration."""
    from monitor.config import load

    return load(path)


def chosen(config: Config, name: str | None) -> list[Model]:
    """The named model, or all."""
    return list(config.models.values()) if name is None else [config.model(name)]


def open_store(config: Config, *, upgrade: bool = True) -> Store:
    """The state database of a configuration."""
    from monitor.store import Store

    return Store.open(config.daemon.state.reveal(), upgrade=upgrade)


def state_exists(config: Config) -> bool:
    """Whether there is a state database to ask; a SQLite file is never created by asking."""
    address = config.daemon.state.reveal()
    if not address.startswith("sqlite"):
        return True
    path = address.partition(":///")[2].partition("?")[0]
    return bool(path) and Path(path).exists()


@contextmanager
def asked(config: Config) -> Iterator[Store | None]:
    """The state database, only to be asked; None where there is none yet."""
    if not state_exists(config):
        yield None
        return
    with open_store(config, upgrade=False) as store:
        yield store


def baseline_of(config: Config, model: Model, horizon: Horizon) -> tuple[Baseline, tuple[str, ...]]:
    """The baseline in force, or one learnt from the configured reference and kept nowhere."""
    from monitor.learn import learn

    with asked(config) as store:
        kept = None if store is None else store.baseline(model.name)
    if kept is not None and kept.recipe == model.recipe:
        return kept, ()
    with saying(model.name) as tell:
        return learn(model, horizon, tell)


def notice(sentences: Iterable[str]) -> None:
    """Remarks for the person at the terminal; stdout stays clean for programs."""
    for sentence in sentences:
        click.echo(f"note: {sentence}", err=True)


def exit_code(findings: Iterable[Finding], fail_on: str) -> int:
    """1 where a verdict reaches ``fail_on`` or nothing at all could be judged.

    A check that failed counts as critical: what cannot be computed is not fine.
    """
    verdicts = {finding.verdict for finding in findings}
    if fail_on == "never":
        return 0
    failing = {"critical", "error"} | ({"warning"} if fail_on == "warning" else set())
    return int(bool(verdicts & failing) or not any(verdict.judged for verdict in verdicts))


def writable(path: Path | None) -> None:
    """Refuse a target that cannot be written before any work is done."""
    if path is not None and (path.is_dir() or not path.resolve().parent.is_dir()):
        raise click.UsageError(f"{path} is no file that can be written; its folder must exist")


@contextmanager
def saying(what: str) -> Iterator[Callable[[str], None]]:
    """On a terminal a line on stderr that says what is being done, until it is."""
    shown = sys.stderr.isatty()

    def tell(step: str) -> None:
        if shown:
            click.echo(f"\r\033[K{what}: {step} …", nl=False, err=True)

    try:
        yield tell
    finally:
        if shown:
            click.echo("\r\033[K", nl=False, err=True)


def progressing(results: Iterable[_T], total: int, what: str) -> Iterator[_T]:
    """The same, and on a terminal a line on stderr that says how far it is until the next comes."""
    if not sys.stderr.isatty():
        yield from results
        return
    waiting = iter(results)
    for done in range(total):
        click.echo(f"\r{what}: window {done + 1:,} of {total:,} …", nl=False, err=True)
        try:
            each = next(waiting, None)
        finally:
            click.echo("\r\033[K", nl=False, err=True)
        if each is not None:
            yield each
