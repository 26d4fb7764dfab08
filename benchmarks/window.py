"""A window of a model with 30 features and its outcome, from Parquet files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import (
    Case,
    Measured,
    cached,
    folder,
    in_turns,
    ours,
    peer,
    prepare,
    python_with,
    ratio,
    version_in,
)
from benchmarks.page import Section, Target

FEATURES = tuple(f"f{i:02}" for i in range(30))
OUTCOME = ("score", "prediction", "label")
READ = ("timestamp", "prediction_id", *FEATURES, *OUTCOME)
SIZES = (100_000, 1_000_000, 10_000_000)
TINY = (2_000, 4_000)
EVIDENTLY_UP_TO, NANNYML_UP_TO = 1_000_000, 100_000

STORED, BOTH = "modelmon, stored baseline", "modelmon drift, both sides"
DECODE = "pyarrow decode, one side"
SCAN, SCANS = (
    "DuckDB scan and sum, one side, 1 thread",
    "DuckDB scan and sum, one side, all threads",
)
EVIDENTLY, NANNYML = "Evidently DataDriftPreset, both sides", "NannyML univariate drift, both sides"


def section(runs: int, *, tiny: bool) -> Section:
    """Ours, Evidently, NannyML, and what it costs only to read the columns."""
    sizes = TINY if tiny else SIZES
    pythons = {
        name: python_with(name, *wanted, install=not tiny) for name, wanted in _PEERS.items()
    }
    with tempfile.TemporaryDirectory(dir=folder()) as work:
        measured = {
            rows: in_turns(_cases(rows, pythons, Path(work, str(rows))), runs) for rows in sizes
        }
    return Section(
        "window",
        _text(pythons),
        ("rows a side", "what", "CPU s", "CPU s with start", "peak MB", "x scan", "rows/s"),
        [_line(rows, one, found) for rows, found in measured.items() for one in found.values()],
        _targets(measured),
    )


_PEERS = {
    "duckdb": ("duckdb",),
    "evidently": ("evidently>=0.7.15,<0.8", "pandas<3.1", "pyarrow"),
    "nannyml": ("nannyml", "pyarrow", "statsmodels"),
}


def _cases(rows: int, pythons: dict[str, tuple[str, str]], stored: Path) -> list[Case]:
    reference, current = (_file(rows, side) for side in ("reference", "current"))
    prepare("learn-window", reference, stored)
    duckdb, no_duckdb = pythons["duckdb"]
    evidently, no_evidently = pythons["evidently"]
    nannyml, no_nannyml = pythons["nannyml"]
    sides = (str(reference), str(current), *FEATURES, *OUTCOME)
    scan = (str(current), *READ)
    cases = [
        Case(STORED, ours("window", stored, current)),
        Case(BOTH, ours("compare", reference, current)),
        Case(DECODE, (*peer("arrow_decode.py"), *scan)),
        Case(SCAN, (*peer("duckdb_scan.py", duckdb), "1", *scan), obstacle=no_duckdb),
        Case(SCANS, (*peer("duckdb_scan.py", duckdb), "default", *scan), obstacle=no_duckdb),
    ]
    if rows <= EVIDENTLY_UP_TO:
        command = (*peer("evidently_drift.py", evidently), *sides)
        cases.append(Case(EVIDENTLY, command, most=1, obstacle=no_evidently))
    if rows <= NANNYML_UP_TO:
        command = (*peer("nannyml_drift.py", nannyml), *sides)
        cases.append(Case(NANNYML, command, most=1, obstacle=no_nannyml))
    return cases


def _file(rows: int, side: str) -> Path:
    return cached(folder() / f"{side}-{rows}.parquet", "make-window", side, rows)


def _line(rows: int, one: Measured, found: dict[str, Measured]) -> tuple[str | float | None, ...]:
    if one.trouble:
        return (f"{rows:,}", f"{one.case.name}: {one.trouble}", None, None, None, None, None)
    work, whole = one.work, one.middle(lambda cost: cost.process)
    times = ratio(work, found[SCAN].work)
    return f"{rows:,}", one.case.name, work, whole, one.peak, times, ratio(rows, work)


def _targets(measured: dict[int, dict[str, Measured]]) -> list[Target]:
    first, last = sorted(measured)[-2:]
    small, large = measured[first], measured[last]
    theirs = small[EVIDENTLY].work if EVIDENTLY in small else None
    scan = ratio(large[STORED].work, large[SCAN].work)
    gain, gain_both = ratio(theirs, small[STORED].work), ratio(theirs, small[BOTH].work)
    grown = ratio(large[STORED].peak, small[STORED].peak)
    return [
        Target(f"CPU with a stored baseline against the scan, {last:,} rows", scan, 2.0, "x"),
        Target(
            f"CPU of Evidently against a stored baseline, {first:,} rows",
            gain,
            100,
            "x",
            least=True,
        ),
        Target(
            f"CPU of Evidently against modelmon drift, {first:,} rows",
            gain_both,
            100,
            "x",
            least=True,
        ),
        Target(
            f"peak memory with a stored baseline, {last:,} rows", large[STORED].peak, 350, " MB"
        ),
        Target(f"the same against {first:,} rows", grown, 1.10, "x"),
    ]


def _text(pythons: dict[str, tuple[str, str]]) -> str:
    names = {"duckdb": "DuckDB", "evidently": "Evidently", "nannyml": "NannyML"}
    peers = [f"{names[p]} {version_in(python, p)}" for p, (python, _) in pythons.items() if python]
    return (
        "Parquet (Snappy), doubles of mixed shapes (normal, lognormal, whole numbers, mostly "
        "zero, offset, heavy tails; some with nulls), row groups of 250,000 rows, a day in order "
        "of time. *CPU s* is the work alone, of all threads; *with start* adds the interpreter and "
        "imports. *With a stored baseline* is what the daemon does: the baseline is read from the "
        "state, one side from the file, every check is judged. *x scan* is the CPU against "
        f"DuckDB's scan of the current side by one thread. Peers: {', '.join(peers)}; Evidently "
        "and NannyML were run once at each size."
    )
