"""NannyML: its univariate drift on two Parquet files, the current one as a single chunk."""

import sys

import nannyml
import pandas as pd
from clock import measured

reference, current, *columns = sys.argv[1:]
with measured() as facts:
    then, now = (pd.read_parquet(path, columns=columns) for path in (reference, current))
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=columns,
        treat_as_categorical=["prediction", "label"],
        continuous_methods=["wasserstein"],
        categorical_methods=["jensen_shannon"],
        chunk_number=1,
    )
    result = calculator.fit(then).calculate(now).filter(period="analysis").to_df()
    assert result.shape[0] == 1
    facts["rows"] = len(now)
