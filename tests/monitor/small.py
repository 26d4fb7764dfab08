"""A small daily log in a CSV file, and the daemon over it at moments that a test chooses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerts.incident import Incident
from monitor.config import load
from monitor.daemon import Daemon, Round
from monitor.export import Board
from monitor.findings import Finding
from monitor.sources import Horizon
from monitor.store import Store
from monitor.windows import Window

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
REFERENCE_DAYS = 8
ROWS = 120
HEAD = ("prediction_id", "timestamp", "x", "city")

MODEL = """
[models.{name}]
every = "{every}"
notify = {notify}
{more}
[models.{name}.source]
{source}
[models.{name}.columns]
id = "prediction_id"
timestamp = "timestamp"
numeric = ["x"]
categorical = ["city"]
[models.{name}.reference]
{reference}
"""
ONCALL = """
[alerts.oncall]
type = "stdout"
"""
PERIOD = "from = 2024-01-01\nto = 2024-01-09"


def day(number: int) -> Window:
    """A day of the log, counted from 0."""
    return Window(START + number * DAY, START + (number + 1) * DAY)


def evening(number: int, minutes: float = 5) -> datetime:
    """Shortly after the end of a day."""
    return day(number).end + timedelta(minutes=minutes)


def rows_of(number: int, rows: int = ROWS, shift: float = 0.0) -> Iterator[tuple[str, ...]]:
    for i in range(rows):
        moment = START + number * DAY + i * DAY / rows
        x = (37 * i % 101) / 10 + (number % 3) / 100 + shift
        yield f"{number}-{i}", moment.isoformat(), f"{x:.2f}", ("Bonn", "Köln", "Ulm")[i % 3]


def write(path: Path, days: Mapping[int, float], *, rows: int = ROWS, without: str = "") -> None:
    """Write the log: days and by how much their values are shifted; ``without`` drops a column."""
    kept = [place for place, name in enumerate(HEAD) if name != without]
    lines = [HEAD, *(row for number in sorted(days) for row in rows_of(number, rows, days[number]))]
    path.write_text("".join(",".join(line[place] for place in kept) + "\n" for line in lines))


def steady(*spans: range) -> dict[int, float]:
    """Days on which nothing happens."""
    return dict.fromkeys((number for span in spans for number in span), 0.0)


def model(
    name: str,
    log: Path,
    *,
    source: str = "",
    every: str = "1d",
    reference: str = PERIOD,
    more: str = "",
    notify: str = '["oncall"]',
) -> str:
    """The tables of one model."""
    where = source or f'type = "csv"\npath = "{log}"'
    return MODEL.format(
        name=name, source=where, every=every, reference=reference, more=more, notify=notify
    )


@contextmanager
def daemon_of(
    folder: Path, *tables: str, plugins: Path | None = None, channel: str = ONCALL
) -> Iterator[Daemon]:
    """A daemon over these tables of a monitor.toml, its state in a database in the folder."""
    plugged = f'plugins = "{plugins}"\n' if plugins else ""
    path = folder / "monitor.toml"
    path.write_text(
        f'[daemon]\nstate = "sqlite:///state.db"\n{plugged}' + "".join((*tables, channel))
    )
    config = load(path)
    with Store.open(config.daemon.state.reveal()) as store:
        yield Daemon(config, store, Board(), config.channels)


def at(daemon: Daemon, moment: datetime) -> Round:
    """One round at a moment; later rows of the log are not known yet, as in a replay."""
    daemon.clock = lambda: moment
    return daemon.round(Horizon(moment, moment + 1000 * DAY))


def findings(daemon: Daemon, name: str, check: str, column: str = "") -> dict[int, Finding]:
    """What a check said of each day."""
    found = daemon.store.findings(name, check=check)
    return {(f.window.start - START) // DAY: f for f in found if f.column == column}


def incident(daemon: Daemon, name: str, cause: str) -> Incident | None:
    """The newest incident of a cause."""
    known = daemon.store.incidents(name, open_only=False)
    return next((one for one in reversed(known) if one.cause == cause), None)
