"""A check, a channel and a source in a file each are found, configured and run; no other edit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import ROOT

CHECK = '''
"""Spread: the range of a column against that of the reference."""

from __future__ import annotations

from checks.check import NotEnoughData, Stat, check
from checks.profile import NumericProfile


@check(NumericProfile, warning=2.0, critical=4.0, default=False)
def spread(reference: NumericProfile, current: NumericProfile, *, factor: float = 1.0) -> Stat:
    """How many times the reference's range the current range is.

    Source: none, it is an example.
    """
    if not current.n or not reference.n or reference.maximum == reference.minimum:
        raise NotEnoughData("no range to compare")
    value = (current.maximum - current.minimum) / (reference.maximum - reference.minimum)
    return Stat(value * factor, n_reference=reference.n, n_current=current.n)
'''
CHANNEL = '''
"""Notebook: each message becomes a line of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alerts.message import Message


@dataclass(frozen=True)
class Channel:
    """Appends to a file."""

    path: Path
    prefix: str = "page"

    def send(self, message: Message, key: str, thread: str | None) -> str | None:
        with self.path.open("a") as stream:
            stream.write(f"{self.prefix} {key} {message.title}\\n")
        return None
'''
SOURCE = '''
"""Ramp: rows made up by a formula, so that drift sets in at a known moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Columns, Extent, Horizon, Pulse, Survey
from monitor.sources._pulse import pulse_batches
from monitor.sources._rows import profile_batches
from monitor.sources._survey import survey_batches
from monitor.windows import Window

START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Source:
    """As many rows an hour as told, for thirty days."""

    rows_an_hour: int = 20

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for day in range(30):
            moment = START + timedelta(days=day)
            n = 24 * self.rows_an_hour
            times = [moment + timedelta(days=i / n) for i in range(n)]
            values = [float(i % 97) * (1 if day < 20 else 5) for i in range(n)]
            yield pa.record_batch({"ts": pa.array(times), "x": pa.array(values)})

    def names(self) -> Sequence[str]:
        return ("ts", "x")

    def survey(self, columns: Columns, period: Window) -> Survey:
        return survey_batches(columns, period, self._batches)

    def extent(
        self, columns: Columns, horizon: Horizon, since: datetime | None = None
    ) -> Extent:
        last = START + timedelta(days=30) - timedelta(seconds=1)
        return Extent(30 * 24 * self.rows_an_hour, START, min(last, horizon.known_at))

    def pulse(
        self, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> Mapping[Window, Pulse]:
        return pulse_batches(columns, windows, horizon, self._batches())

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        return profile_batches(plan, columns, windows, horizon, self._batches, spans=spans)
'''
TOML = """
[daemon]
plugins = "plugins"

[models.made_up]
every = "1d"
notify = ["notebook"]
[models.made_up.source]
type = "ramp"
rows_an_hour = 30
[models.made_up.columns]
timestamp = "ts"
[models.made_up.reference]
from = 2024-01-01
to = 2024-01-15
[models.made_up.checks]
spread = { critical = 3.0, factor = 1.5 }
[alerts.notebook]
type = "notebook"
path = "pages.txt"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for kind, name, text in (
        ("checks", "spread", CHECK),
        ("alerts", "notebook", CHANNEL),
        ("sources", "ramp", SOURCE),
    ):
        folder = tmp_path / "plugins" / kind
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(text)
    (tmp_path / "monitor.toml").write_text(TOML)
    return tmp_path


def modelmon(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", *arguments]
    return subprocess.run(
        [*command, "--config", str(folder / "monitor.toml")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )


def test_a_check_a_channel_and_a_source_of_ones_own_need_one_file_each(project: Path) -> None:
    done = modelmon(project, "run", "--once", "--now", "2024-01-25")
    assert done.returncode == 0, done.stderr
    pages = (project / "pages.txt").read_text()
    assert pages.startswith("page made_up/features/20240122T000000Z")
    lines = modelmon(
        project, "check", "--from", "2024-01-22", "--to", "2024-01-23", "--format", "jsonl"
    ).stdout.splitlines()
    (found,) = [f for f in map(json.loads, lines) if f["check"] == "spread"]
    assert (found["verdict"], found["threshold"], found["value"]) == ("critical", 3.0, 7.5)


def test_a_wrong_key_of_a_plugin_is_told_like_any_other(project: Path) -> None:
    path = project / "monitor.toml"
    path.write_text(TOML.replace("factor", "faktor").replace("rows_an_hour", "rows_per_hour"))
    done = modelmon(project, "validate")
    assert done.returncode == 2
    assert "models.made_up.checks.spread.faktor: unknown; did you mean 'factor'?" in done.stderr
    assert "models.made_up.source.rows_per_hour: unknown; did you mean" in done.stderr
