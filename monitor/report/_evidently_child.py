"""The child process that imports Evidently: a task as JSON on stdin, columns left out on stdout."""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def usable(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    numeric: Sequence[str],
    categorical: Sequence[str],
) -> tuple[dict[str, str], list[str]]:
    """The columns that Evidently can compare, each with its kind, and why it cannot the others.

    One empty column, one of mixed types or one that is on one side only would end its whole report.
    """
    kinds: dict[str, str] = {}
    left_out = []
    wanted = dict.fromkeys(numeric, "numeric") | dict.fromkeys(categorical, "categorical")
    for column, kind in wanted.items():
        reasons = [
            f"{side}: {reason}"
            for side, frame in (("reference", reference), ("current", current))
            if (reason := _trouble(frame, column, kind))
        ]
        if reasons:
            left_out.append(f"{column}: left out of Evidently's report ({'; '.join(reasons)})")
        else:
            kinds[column] = kind
    return kinds, left_out


def _trouble(frame: pd.DataFrame, column: str, kind: str) -> str:
    """Why a column of one side cannot be compared; empty where it can."""
    import pandas as pd

    if column not in frame.columns:
        return "there is no such column"
    values = frame[column].dropna()
    if values.empty:
        return "no values"
    if kind == "numeric" and pd.to_numeric(values, errors="coerce").isna().any():
        return "some cells are not numbers"
    return ""


def plain(frame: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """The columns as plain doubles and texts: Evidently stumbles over richer types."""
    import pandas as pd

    columns = {}
    for column, kind in kinds.items():
        values = frame[column]
        if kind == "numeric":
            columns[column] = pd.to_numeric(values).astype("float64")
        else:
            columns[column] = values.map(str, na_action="ignore").astype(object)
    return pd.DataFrame(columns)


def write(
    reference: pd.DataFrame, current: pd.DataFrame, kinds: Mapping[str, str], output: Path
) -> None:
    """Write the report; the file appears whole or not at all."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(
        numerical_columns=[column for column, kind in kinds.items() if kind == "numeric"],
        categorical_columns=[column for column, kind in kinds.items() if kind == "categorical"],
    )
    before, after = (
        Dataset.from_pandas(plain(frame, kinds), data_definition=definition)
        for frame in (reference, current)
    )
    snapshot = Report([DataDriftPreset()]).run(after, before)
    unfinished = output.with_name(f"{output.name}.part")
    snapshot.save_html(str(unfinished))
    unfinished.replace(output)


def main() -> int:
    """Do the task on stdin; 0 when the report is written."""
    import pandas as pd

    task = json.load(sys.stdin)
    frames = [pd.read_parquet(task[side]) for side in ("reference", "current")]
    kinds, left_out = usable(frames[0], frames[1], task["numeric"], task["categorical"])
    if not kinds:
        sys.stderr.write(f"no column is left to compare; {'; '.join(left_out)}\n")
        return 1
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            write(frames[0], frames[1], kinds, Path(task["output"]))
        except ImportError as error:
            hint = f"it does not import beside pandas {pd.__version__}; it needs pandas below 3.1"
            sys.stderr.write(f"{hint} ({error})\n")
            return 1
    sys.stdout.write(json.dumps(left_out))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
