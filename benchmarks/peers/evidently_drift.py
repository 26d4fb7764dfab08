"""Evidently: its drift preset on two Parquet files."""

import sys

import pandas as pd
from clock import measured
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

reference, current, *columns = sys.argv[1:]
kinds = {name: name in ("prediction", "label") for name in columns}
definition = DataDefinition(
    numerical_columns=[name for name, kind in kinds.items() if not kind],
    categorical_columns=[name for name, kind in kinds.items() if kind],
)
with measured() as facts:
    frames = [pd.read_parquet(path, columns=columns) for path in (reference, current)]
    then, now = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
    told = Report([DataDriftPreset()]).run(now, then).dict()
    assert len(told["metrics"]) > len(columns)
    facts["rows"] = len(frames[1])
