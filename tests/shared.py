"""The shared logs: real ones with exact expected values, and broken ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared(*parts: str) -> Path:
    """A path in ../shared; where the folder is missing the test is skipped, or fails if it must.

    MODELMON_REQUIRE_SHARED=1 says that it must.
    """
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        said = f"{folder} is missing: the shared logs are not here"
        if os.environ.get("MODELMON_REQUIRE_SHARED") == "1":
            pytest.fail(f"{said}, and MODELMON_REQUIRE_SHARED=1")
        pytest.skip(said)
    return folder.joinpath(*parts)


def expected(name: str) -> dict[str, Any]:
    """The expected facts of a real log."""
    return json.loads(shared("data", f"{name}.expected.json").read_text())


def meta(name: str) -> dict[str, Any]:
    """The schema and reference of a real log."""
    return json.loads(shared("data", f"{name}.meta.json").read_text())


def to_sqlite(name: str, target: Path, as_of: str = "") -> Path:
    """A real log as SQLite, predictions and labels in two tables, as it stood at a moment."""
    script = shared("data", "to_sqlite.py")
    command = [sys.executable, str(script), str(shared("data", f"{name}.parquet")), str(target)]
    subprocess.run([*command, *([as_of] if as_of else [])], check=True, capture_output=True)
    return target


def model_toml(name: str, folder: Path, *, every: str = "1w", source: str = "") -> str:
    """The tables of monitor.toml for a real log, its roles and reference as its meta file says."""
    about = meta(name)
    score = f'score = "{about["score_columns"][0]}"' if about["score_columns"] else ""
    where = source or f'type = "parquet"\npath = "{shared("data", about["file"])}"'
    return f"""
[models.{name}]
task = "{about["task"]}"
every = "{every}"
labels_within = "60d"
{"threshold = " + str(about["threshold"]) if "threshold" in about else ""}

[models.{name}.source]
{where}

[models.{name}.columns]
id = "prediction_id"
timestamp = "timestamp"
version = "version"
prediction = "prediction"
{score}
label = "label"
label_timestamp = "label_timestamp"
numeric = {json.dumps(about["features_numeric"])}
categorical = {json.dumps(about["features_categorical"])}

[models.{name}.reference]
from = {about["first"][:10]}
to = {about["reference_until"][:10]}
"""
