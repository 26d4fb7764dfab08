"""Findings and pages for programs."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import UTC, datetime

import jsonschema
import pandas as pd
import pytest

from alerts.message import Cause, Message
from checks.check import Stat
from checks.verdict import Verdict
from monitor.report import page_line, to_frame, to_json, to_jsonl
from monitor.report.records import record, record_names
from monitor.sources import ALL_TIME
from tests.report.made import FINDINGS, GERMANY, REPORT, finding, golden, report

NUMBER, TIME = {"type": ["number", "null"]}, {"type": ["string", "null"], "pattern": "Z$"}
CONTRACT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "kind": {"const": "finding"},
        "model": {"type": "string"},
        "version": {"type": "string"},
        "segment": {"type": "string"},
        "check": {"type": "string"},
        "column": {"type": "string"},
        "window_start": TIME,
        "window_end": TIME,
        "revision": {"type": "integer"},
        "value": NUMBER,
        "corrected_value": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "p_value": NUMBER,
        "threshold": NUMBER,
        "verdict": {"enum": [verdict.value for verdict in Verdict]},
        "reason": {"type": "string"},
        "n_reference": {"type": ["integer", "null"]},
        "n_current": {"type": ["integer", "null"]},
        "detectable": NUMBER,
    },
}
PAGE = Message(
    key="churn/features/20260301T000000Z",
    model="churn",
    cause="features",
    severity="critical",
    reason="opened",
    title="churn: age drifted",
    at=datetime(2026, 3, 2, tzinfo=UTC),
    since=datetime(2026, 3, 1, tzinfo=UTC),
    facts=(("Rows", "600"),),
    causes=(
        Cause("psi", "age", 0.1 + 0.2, 0.25, "critical", "age moved"),
        Cause("schema", "plan", None, None, "warning", "plan is gone"),
    ),
)


def strict(line: str) -> dict[str, object]:
    def refuse(constant: str) -> float:
        raise ValueError(constant)

    return json.loads(line, parse_constant=refuse)


def test_findings_keep_the_contract_line_by_line():
    lines = list(to_jsonl(FINDINGS))
    assert len(lines) == len(FINDINGS)
    for line in lines:
        entry = strict(line)
        jsonschema.validate(entry, CONTRACT | {"required": list(CONTRACT["properties"])})
        assert list(entry) == list(CONTRACT["properties"]) == list(record_names())


def test_findings_read_as_kept():
    golden("findings.jsonl", "".join(f"{line}\n" for line in to_jsonl(FINDINGS)))


def test_a_whole_report_reads_as_kept():
    golden("report.json", to_json(REPORT) + "\n")
    assert strict(to_json(REPORT))["headline"].startswith("Values are missing in age")


def test_a_page_reads_as_the_contract_says():
    assert strict(page_line(PAGE)) == {
        "kind": "page",
        "at": "2026-03-02T00:00:00Z",
        "model": "churn",
        "severity": "critical",
        "reason": "opened",
        "title": "churn: age drifted",
        "causes": [
            {"check": "psi", "column": "age", "value": 0.30000000000000004, "threshold": 0.25},
            {"check": "schema", "column": "plan", "value": None, "threshold": None},
        ],
    }


@pytest.mark.parametrize("number", [0.1 + 0.2, 1e-300, -0.0, 5e-324, 123456789.123456789])
def test_floats_keep_every_digit(number):
    (line,) = to_jsonl([finding("psi", "age", stat=Stat(number, corrected=number))])
    assert repr(strict(line)["value"]) == repr(strict(line)["corrected_value"]) == repr(number)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_cannot_say_is_null(number):
    stat = Stat(number, number, number, number, p_value=number)
    (line,) = to_jsonl([finding("psi", "age", stat=stat, threshold=number)])
    entry = strict(line)
    for name in ("value", "corrected_value", "low", "high", "p_value", "threshold"):
        assert entry[name] is None


def test_what_could_not_be_measured_has_no_numbers_and_no_counts():
    entry = record(finding("psi", "age", Verdict.NO_DATA, reason="no values"))
    assert entry["value"] is entry["n_current"] is entry["n_reference"] is None
    assert entry["reason"] == "no values"


def test_a_comparison_of_all_rows_has_no_window():
    entry = record(finding("psi", "age", window=ALL_TIME))
    assert entry["window_start"] is entry["window_end"] is None


def test_a_slice_has_its_segment():
    assert record(finding("psi", "age", place=GERMANY))["segment"] == "country=de"


def test_any_terminal_can_carry_any_name():
    (line,) = to_jsonl([finding("psi", "日\n\udc80\x1b", stat=Stat(0.1))])
    assert line.isascii()
    assert "\n" not in line
    assert strict(line)["column"] == "日\n\udc80\x1b"


def test_a_frame_has_a_row_for_each_finding_and_types_to_compute_with():
    frame = to_frame(FINDINGS)
    assert list(frame.columns) == list(record_names())
    assert frame["value"].tolist()[0] == 0.83
    assert frame["value"].isna().sum() == sum(each.stat is None for each in FINDINGS)
    assert frame["window_start"].dt.tz is not None
    assert frame["window_start"][0] == pd.Timestamp("2026-03-01", tz="UTC")
    assert (frame["n_current"].dtype, frame["value"].dtype) == ("Int64", "float64")
    assert frame.groupby("verdict").size()["critical"] == 4


def test_a_frame_of_nothing_has_the_same_columns_and_types():
    empty = to_frame(())
    assert len(empty) == 0
    assert list(empty.columns) == list(record_names())
    assert empty["value"].dtype == "float64"


def test_a_frame_of_findings_without_times_can_be_made():
    frame = to_frame([finding("psi", "age", stat=Stat(0.5), window=ALL_TIME)])
    assert frame["window_end"].isna().all()


def test_an_empty_report_is_json_too():
    assert strict(to_json(report()))["findings"] == []


def test_reports_cost_neither_pandas_nor_templates_until_they_are_asked_for():
    program = (
        "import sys, monitor.report; "
        "print(sorted({'pandas', 'jinja2', 'rich', 'evidently', 'pyarrow'} & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
