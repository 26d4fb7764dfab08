"""Every broken log ends as its manifest says: a verdict with a reason, or one clear sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.shared import ROOT, shared

TYPES = {".parquet": "parquet", ".csv": "csv", ".sqlite": "sql"}
FIRING = ("warning", "critical")


@dataclass(frozen=True)
class Outcome:
    """What the command said."""

    code: int
    out: str
    err: str
    findings: list[dict[str, Any]] = field(default_factory=list)

    def fired(self) -> set[tuple[str, str]]:
        return {(f["check"], f["column"]) for f in self.findings if f["verdict"] in FIRING}

    def of(self, check: str, column: str = "") -> dict[str, Any]:
        (found,) = [f for f in self.findings if (f["check"], f["column"]) == (check, column)]
        return found


def toml(path: Path, *, features: str = "", roles: str = "", reference: str = "") -> str:
    kind = TYPES[path.suffix]
    where = f'path = "{path}"'
    if kind == "sql":
        where = f'url = "sqlite:///{path}"\ntable = "predictions"\nlabels = "labels"\ntimeout = 5.0'
    features = features or 'numeric = ["age", "amount"]\ncategorical = ["channel"]'
    reference = reference or "from = 2024-01-01\nto = 2024-01-15"
    return f"""
[models.churn]
task = "binary"
every = "1w"
[models.churn.source]
type = "{kind}"
{where}
[models.churn.columns]
id = "prediction_id"
timestamp = "timestamp"
version = "version"
prediction = "prediction"
score = "score"
label = "label"
label_timestamp = "label_timestamp"
{features}
{roles}
[models.churn.reference]
{reference}
"""


def run(folder: Path, text: str, *span: str) -> Outcome:
    path = folder / "monitor.toml"
    path.write_text(text)
    span = span or ("--from", "2024-01-15", "--to", "2024-01-22")
    command = [sys.executable, "-m", "monitor", "check", "--config", str(path), *span]
    done = subprocess.run(
        [*command, "--format", "jsonl"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    for found in findings:
        assert found["verdict"] == "ok" or found["reason"], found
        assert found["verdict"] not in (*FIRING, "ok") or found["value"] is not None, found
    assert not [f for f in findings if f["verdict"] == "error"]
    return Outcome(done.returncode, done.stdout, done.stderr, findings)


def bad(name: str) -> Path:
    (path,) = shared("bad").glob(f"{name}_*")
    return path


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(tmp_path_factory.mktemp("clean"), toml(bad("00")))


def test_the_control_has_no_finding_and_every_check_runs(clean: Outcome) -> None:
    assert clean.fired() == set()
    assert clean.code == 0
    ran = {f["check"] for f in clean.findings}
    assert {"wasserstein", "jensen_shannon", "missing", "schema", "row_count", "roc_auc"} <= ran
    assert all(f["value"] is not None for f in clean.findings)


def nothing(outcome: Outcome) -> None:
    assert outcome.fired() == set()
    assert outcome.code == 0


def all_null(outcome: Outcome) -> None:
    missing = outcome.of("missing", "amount")
    assert (missing["verdict"], missing["value"]) == ("critical", 1.0)
    drift = outcome.of("wasserstein", "amount")
    assert (drift["verdict"], drift["value"]) == ("no_data", None)
    assert "no values" in drift["reason"]


def constant_reference(outcome: Outcome) -> None:
    assert {("wasserstein", "age"), ("jensen_shannon", "age"), ("ks", "age")} <= outcome.fired()


def mixed_types(outcome: Outcome) -> None:
    schema = outcome.of("schema", "amount")
    assert schema["verdict"] in FIRING
    assert any(text in schema["reason"] for text in ("N/A", "1,234.5"))
    assert outcome.of("ks", "amount")["n_current"] > 100


def vanished_category(outcome: Outcome) -> None:
    assert ("jensen_shannon", "channel") in outcome.fired()


def duplicates(outcome: Outcome) -> None:
    assert outcome.of("conflicting_ids")["verdict"] in FIRING
    rows = outcome.of("row_count")["value"]
    assert rows == 230, "as many as in the control: the 30 rows that lost are not counted"


def early_labels(outcome: Outcome) -> None:
    assert outcome.of("early_labels")["verdict"] in FIRING
    assert outcome.of("accuracy")["value"] is not None


def one_class(outcome: Outcome) -> None:
    auc = outcome.of("roc_auc")
    assert (auc["verdict"], auc["value"]) == ("insufficient", None)
    assert "one class" in auc["reason"]
    assert outcome.of("accuracy")["value"] is not None
    assert ("jensen_shannon", "label") in outcome.fired()


def percent(outcome: Outcome) -> None:
    assert outcome.of("score_range")["verdict"] in FIRING
    assert ("wasserstein", "score") in outcome.fired()


def future(outcome: Outcome) -> None:
    assert outcome.of("future_rows")["verdict"] in FIRING


def epoch_unit(outcome: Outcome) -> None:
    assert outcome.of("timestamp_unit")["verdict"] in FIRING
    assert outcome.of("row_count")["value"] > 200


def label_encoding(outcome: Outcome) -> None:
    labels = outcome.of("unknown_labels")
    assert labels["verdict"] in FIRING
    assert "yes" in labels["reason"] or "no" in labels["reason"]
    assert outcome.of("accuracy")["value"] is None


CASES: dict[str, Callable[[Outcome], None]] = {
    "04": all_null,
    "06": nothing,
    "08": constant_reference,
    "10": mixed_types,
    "12": vanished_category,
    "14": nothing,
    "18": duplicates,
    "20": early_labels,
    "22": one_class,
    "24": percent,
    "26": future,
    "28": epoch_unit,
    "30": nothing,
    "34": nothing,
    "48": label_encoding,
    "50": nothing,
    "52": nothing,
}


@pytest.mark.parametrize("name", CASES)
def test_a_broken_log_ends_as_its_manifest_says(name: str, tmp_path: Path) -> None:
    CASES[name](run(tmp_path, toml(bad(name))))


@pytest.mark.parametrize("name", ["14", "52"])
def test_the_same_rows_in_another_form_give_the_same_findings(
    name: str, clean: Outcome, tmp_path: Path
) -> None:
    other = run(tmp_path, toml(bad(name)))
    values = {(f["check"], f["column"]): f["value"] for f in other.findings}
    control = {(f["check"], f["column"]): f["value"] for f in clean.findings}
    for each in (values, control):
        del each["freshness", ""]  # one of the forms keeps whole seconds only
    assert values == pytest.approx(control, rel=1e-9)


def test_rows_of_an_autumn_night_are_counted_once(tmp_path: Path) -> None:
    text = toml(
        bad("16"),
        roles='timezone = "Europe/Paris"',
        reference="from = 2024-10-27T00:00:00+02:00\nto = 2024-10-27T02:00:00+02:00",
    )
    span = ("--from", "2024-10-27T00:00Z", "--to", "2024-10-27T06:00Z")
    outcome = run(tmp_path, text, *span)
    total = len(bad("16").read_text().splitlines()) - 1
    before = outcome.of("wasserstein", "age")["n_reference"]
    after = outcome.of("wasserstein", "age")["n_current"]
    assert before + after == total
    assert outcome.fired() == set()


def test_columns_that_look_like_sql_are_quoted(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "log.sqlite"
    path.write_bytes(bad("32").read_bytes())
    odd = ['age"; DROP TABLE predictions; --', "amount' OR '1'='1"]
    features = f'numeric = {json.dumps(odd)}\ncategorical = ["select"]'
    nothing(run(tmp_path, toml(path, features=features)))
    with sqlite3.connect(path) as database:
        assert database.execute("select count(*) from predictions").fetchone() == (700,)


REFUSED = {
    "02": "no rows",
    "36": "36_truncated_parquet.parquet",
    "38": "not a Parquet file",
    "40": "decimal",
    "42": "line",
    "46": "malformed",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_log_that_cannot_be_read_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    outcome = run(tmp_path, toml(bad(name)))
    assert outcome.code == 3
    assert outcome.out == ""
    assert REFUSED[name] in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err


def test_a_locked_database_is_waited_for_and_then_refused(tmp_path: Path) -> None:
    path = tmp_path / "locked.sqlite"
    path.write_bytes(bad("44").read_bytes())
    script = str(shared("bad", "lock_sqlite.py"))
    holder = subprocess.Popen(
        [sys.executable, script, str(path), "60"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "locked"
        outcome = run(tmp_path, toml(path))
        assert outcome.code == 3
        assert "database is locked" in outcome.err
    finally:
        holder.kill()
        holder.communicate()
    assert run(tmp_path, toml(path)).code == 0


@pytest.mark.parametrize("name", ["36", "38", "02"])
def test_one_unreadable_log_leaves_the_other_models_running(name: str, tmp_path: Path) -> None:
    good = toml(bad("00")).replace("models.churn", "models.good")
    (tmp_path / "monitor.toml").write_text(toml(bad(name)) + good)
    command = [sys.executable, "-m", "monitor", "run", "--once", "--now", "2024-01-30"]
    done = subprocess.run(  # noqa: PLW1510
        [*command, "--config", str(tmp_path / "monitor.toml")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "churn: " in done.stderr
    status = subprocess.run(
        [sys.executable, "-m", "monitor", "status", "--format", "json",
         "--config", str(tmp_path / "monitor.toml")],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip
    models = {model["model"]: model for model in json.loads(status.stdout)}
    assert models["good"]["window"] is not None
    assert models["churn"]["window"] is None
    assert [one["cause"] for one in models["churn"]["incidents"]] == ["source"]


def test_a_cell_of_200000_characters_keeps_output_small(tmp_path: Path) -> None:
    outcome = run(tmp_path, toml(bad("30")))
    assert len(outcome.out) < 100_000
