from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.anomalies import orphan_labels
from checks.check import NotEnoughData
from checks.log import Anomaly, LogProfile
from checks.plan import Plan
from checks.verdict import Verdict, default_limit, judge, judge_missing
from monitor.findings import WHOLE
from monitor.sources import Columns, Horizon, parquet
from monitor.sources._needs import Needs
from monitor.sources._orphans import count_orphans
from monitor.sources._tally import Tally
from tests.sources.logs import LATER, at, batch, day

COLUMNS = Columns("ts", "id", label="y", label_timestamp="told")
DAYS = [day(0), day(1), day(2)]
PLAN = Plan(orphans=True)

IDS = st.one_of(st.none(), st.integers(0, 12).map(str))
MOMENTS = st.one_of(st.none(), st.integers(-5, 80).map(at))
LABELS = st.lists(st.tuples(IDS, st.sampled_from([0, 1, None]), MOMENTS), max_size=30)


def counted(
    labels: list[tuple[Any, Any, datetime | None]],
    predictions: list[list[Any]],
    horizon: Horizon = LATER,
) -> list[tuple[int, int]]:
    """Labels and orphans of each day."""
    tally = Tally(PLAN, Needs.of(PLAN, COLUMNS))
    truths = [
        pa.record_batch(
            {
                "id": pa.array([row[0] for row in labels[part::2]], pa.string()),
                "y": pa.array([row[1] for row in labels[part::2]], pa.int64()),
                "told": pa.array([row[2] for row in labels[part::2]], pa.timestamp("us", "UTC")),
            }
        )
        for part in (0, 1)
    ]
    log = [pa.record_batch({"id": pa.array(ids, pa.string())}) for ids in predictions]
    count_orphans(tally, COLUMNS, DAYS, horizon, truths, log)
    found = [each[WHOLE].log.anomalies for each in tally.portraits(DAYS).values()]
    nothing = Anomaly(0)
    names = "dated_labels", "orphan_labels"
    return [tuple(each.get(name, nothing).count for name in names) for each in found]  # type: ignore[misc]


@given(LABELS, st.lists(st.lists(IDS, max_size=10), max_size=3), st.integers(0, 90))
def test_they_are_the_labels_of_a_day_less_the_ids_of_the_log(
    labels: list[tuple[Any, Any, datetime | None]], predictions: list[list[Any]], hours: int
) -> None:
    known = {name for ids in predictions for name in ids if name is not None}
    wanted = []
    for window in DAYS:
        here = [
            name
            for name, label, moment in labels
            if label is not None
            and moment is not None
            and window.start <= moment < window.end
            and moment <= at(hours)
        ]
        wanted.append((len(here), sum(name not in known for name in here)))
    assert counted(labels, predictions, Horizon(at(hours), at(1000))) == wanted


def log(dated: int, orphans: int) -> LogProfile:
    found = {"dated_labels": Anomaly(dated), "orphan_labels": Anomaly(orphans, "a17")}
    return LogProfile.of_window(500, 0.0, 1.0, 2.0, labels=400, anomalies=found)


def test_the_share_is_held_against_that_of_the_reference() -> None:
    usual = log(10_000, 100)
    limit = default_limit(orphan_labels, orphan_labels.compute(usual, usual))
    for orphans, verdict in ((5, Verdict.OK), (40, Verdict.WARNING), (100, Verdict.CRITICAL)):
        found = judge(orphan_labels.compute(usual, log(1000, orphans)), limit)
        assert found.verdict is verdict, found
    assert found.reason.endswith("100 of 1,000 labels, such as 'a17'")


def test_without_dated_labels_it_says_so() -> None:
    with pytest.raises(NotEnoughData, match="no labels with a time of arrival") as caught:
        orphan_labels.compute(log(10_000, 100), log(0, 0))
    assert judge_missing(caught.value).verdict is Verdict.INSUFFICIENT


def write(path: Path, columns: dict[str, Any]) -> None:
    pq.write_table(pa.Table.from_batches([batch(columns)]), path)


def test_a_label_of_an_earlier_prediction_is_no_orphan(tmp_path: Path) -> None:
    write(tmp_path / "log.parquet", {"id": [1, 2, 3], "ts": [at(1), at(2), at(30)]})
    told = {"id": ["1", "2", "9", "3"], "y": [1, 0, 1, 1], "told": [at(26), at(2), at(27), at(40)]}
    write(tmp_path / "labels.parquet", told)
    source = parquet.Source(tmp_path / "log.parquet", labels=tmp_path / "labels.parquet")
    found = source.profile(PLAN, COLUMNS, DAYS[1:2], LATER)[DAYS[1]][WHOLE].log
    assert found.anomalies["dated_labels"] == Anomaly(3)
    assert found.anomalies["orphan_labels"] == Anomaly(1, "9")


def test_nothing_is_counted_where_it_is_not_asked_for_or_no_time_is_told(tmp_path: Path) -> None:
    write(tmp_path / "log.parquet", {"id": [1], "ts": [at(1)]})
    write(tmp_path / "labels.parquet", {"id": [9], "y": [1], "told": [at(2)]})
    source = parquet.Source(tmp_path / "log.parquet", labels=tmp_path / "labels.parquet")
    undated = Columns("ts", "id", label="y")
    for plan, columns in ((Plan(), COLUMNS), (PLAN, undated)):
        found = source.profile(plan, columns, DAYS, LATER)
        assert all(not found[window][WHOLE].log.anomalies for window in DAYS)
