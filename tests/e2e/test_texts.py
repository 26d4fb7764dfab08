"""A log of texts and embeddings through the real daemon and the command line, in two formats."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.cli import cli
from monitor.findings import Finding
from monitor.store import Store
from tests.e2e.runner import start

START = datetime(2024, 3, 1, tzinfo=UTC)
DAYS, ROWS, CHANGED = 8, 500, 7
TOML = """
[daemon]
state = "sqlite:///state.db"

[models.support]
every = "1d"

[models.support.source]
type = "{kind}"
path = "log.{kind}"

[models.support.columns]
id = "id"
timestamp = "ts"
text = ["review"]
embeddings = ["vector"]
segments = ["channel"]

[models.support.reference]
from = 2024-03-01
to   = 2024-03-06

[models.support.checks]
mmd = {{ warning = 0.05 }}
"""


def rows() -> list[dict[str, object]]:
    """Eight days of reviews; on the last one customers ask for their money in capitals."""
    rng = np.random.default_rng(12)
    words = [f"{chr(97 + i % 26)}{chr(97 + i // 26)}word" for i in range(300)]
    share = 1.0 / np.arange(1, 301)
    found: list[dict[str, object]] = []
    for place in range(DAYS * ROWS):
        changed = place // ROWS == CHANGED
        chosen = rng.choice(words, rng.integers(3, 25), p=share / share.sum()).tolist()
        review: str | None = " ".join(chosen)
        if changed and rng.random() < 0.4:
            review = " ".join([*chosen, "chargeback", "refund"]).upper()
        found.append(
            {
                "id": f"r{place}",
                "ts": (START + timedelta(days=place / ROWS)).isoformat(),
                "review": None if rng.random() < 0.02 else review,
                "vector": (rng.normal(size=6) + 0.8 * changed).round(5).tolist(),
                "channel": ["web", "app"][place % 2],
            }
        )
    return found


def written(folder: Path, kind: str) -> Path:
    log = rows()
    if kind == "jsonl":
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    else:
        columns = {name: [row[name] for row in log] for name in log[0]}
        pq.write_table(pa.table(columns), folder / "log.parquet", row_group_size=400)
    path = folder / "monitor.toml"
    path.write_text(TOML.format(kind=kind))
    return path


def worst(findings: list[Finding], day: int, column: str) -> set[str]:
    """The checks of a column that fired on a day."""
    return {
        f.check
        for f in findings
        if f.window.start == START + timedelta(days=day)
        and f.column == column
        and not f.slice.segment
        and f.verdict in ("warning", "critical")
    }


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_the_daemon_finds_what_changed_in_texts_and_vectors(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, kind)
    child = start("run", "--once", "--config", str(path), output=tmp_path / "output.txt")
    child.join(120)
    assert child.exitcode == 0, (tmp_path / "output.txt").read_text()
    store = Store.open(f"sqlite:///{tmp_path}/state.db")
    findings = [*store.findings("support", limit=100_000)]
    assert worst(findings, CHANGED, "review.uppercase") >= {"ks", "psi"}
    assert worst(findings, CHANGED, "review.unknown_words") >= {"wasserstein"}
    assert worst(findings, CHANGED, "review.vocabulary") >= {"jensen_shannon"}
    assert worst(findings, CHANGED, "vector") == {"centroid_distance", "mmd"}
    assert worst(findings, CHANGED, "vector.distance") >= {"ks"}
    quiet = {f.column for f in findings if f.window.start == START + timedelta(days=6)}
    assert {"review.words", "vector.norm", "vector"} <= quiet
    assert not any(worst(findings, 6, column) for column in quiet)
    slices = {f.slice.segment for f in findings if f.check == "centroid_distance"}
    assert slices == {"", "channel=web", "channel=app"}


def test_two_files_are_compared_and_the_plan_tells_what_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = rows()
    for name, part in (("then", log[: 5 * ROWS]), ("now", log[CHANGED * ROWS :])):
        columns = {key: [row[key] for row in part] for key in log[0]}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    files = [str(tmp_path / f"{name}.parquet") for name in ("then", "now")]
    options = ["--text", "review", "--embeddings", "vector", "--format", "jsonl"]
    cli.main(["drift", *files, *options, "--fail-on", "never"], standalone_mode=False)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    fired = {f["column"] for f in found if f["verdict"] == "critical"}
    assert {"review.uppercase", "vector"} <= fired
    path = written(tmp_path, "parquet")
    cli.main(["plan", "--config", str(path), "--format", "json"], standalone_mode=False)
    told = capsys.readouterr().out
    assert "review.unknown_words" in told
    assert "mean of 6 components, 100 random waves" in told
    assert "texts: what they are made of is watched" in told
    (made,) = [line for line in told.splitlines() if "reference_rows" in line]
    assert "2500" in made
