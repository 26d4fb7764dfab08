"""A seeded prediction log of a credit model with known events, for the demo and for tests.

Will this customer default? A lender's model answers some 600 times a day for 90 days, and the
truth arrives days later. What happens on which day is in `DemoEvents`; on every other day the
inputs only wobble, as they do in any real log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Columns = Mapping[str, Sequence[object]]

DECISION_THRESHOLD = 0.3
"""An application is declined from this score on; a missed default costs more than a refusal."""

REFERENCE_DAYS = 28
QUALITY_BREAK_DAYS = range(48, 51)
COVARIATE_DRIFT_DAY = 58
VERSION_CHANGE_DAY = 70
CONCEPT_DRIFT_DAY = 76

WEEKDAY_VOLUME = (1.12, 1.10, 1.06, 1.04, 1.02, 0.88, 0.78)
HOURLY_VOLUME = (2, 1, 1, 1, 1, 2, 5, 9, 9, 9, 9, 9, 8, 8, 9, 8, 8, 7, 7, 7, 7, 6, 5, 4)
VOLUME_WOBBLE = 0.05

# Bounds of the daily wobble. With 600 rows a day such a shift, in standard deviations, is often
# enough for a p-value below 0.05, and always far too small for anybody to act on.
SHIFT_WOBBLE = 0.05
SHARE_WOBBLE = 0.15

INCOME_LOST = 0.35
UTILISATION_MISSING = 0.03
UTILISATION_UNUSED = 0.08
LABELS_NEVER_SENT = 0.02
LABEL_DELAY_MEDIAN = 3 * 86_400
LABEL_DELAY_SIGMA = 0.6

CHANNELS = ("web", "mobile", "branch", "phone", "partner_api")
CHANNEL_SHARES = (0.38, 0.30, 0.22, 0.10, 0.0)
CHANNEL_SHARES_BROKEN = (0.33, 0.26, 0.19, 0.09, 0.13)
CHANNEL_SHARES_DRIFTED = (0.22, 0.58, 0.12, 0.08, 0.0)

REGIONS = ("north", "south", "east", "west", "centre")
REGION_SHARES = (0.16, 0.26, 0.14, 0.19, 0.25)

EMPLOYMENTS = ("salaried", "self_employed", "public", "retired", "student", "unemployed", None)
EMPLOYMENT_SHARES = (0.48, 0.15, 0.13, 0.07, 0.06, 0.06, 0.05)
EMPLOYMENT_RISK = (-0.25, 0.25, -0.9, -0.4, 0.4, 1.6, 0.2)
EMPLOYMENT_RISK_AFTER = (0.25, -0.5, 0.3, -0.2, 0.2, 0.0, 0.2)
WITHOUT_TENURE = [EMPLOYMENTS.index(name) for name in ("retired", "student", "unemployed")]

# Purpose of the loan: share of the applications, effect on the log odds, size of the amount.
PURPOSES = {
    "car": (0.20, -0.3, 1.3),
    "home_improvement": (0.15, -0.2, 1.4),
    "debt_consolidation": (0.14, 0.5, 1.2),
    "furniture": (0.11, 0.0, 0.8),
    "electronics": (0.09, 0.1, 0.6),
    "education": (0.07, -0.2, 1.0),
    "medical": (0.06, 0.2, 0.9),
    "wedding": (0.05, -0.1, 1.1),
    "holiday": (0.04, 0.2, 0.7),
    "moving": (0.03, 0.1, 0.7),
    "business": (0.03, 0.6, 1.5),
    "other": (0.03, 0.2, 0.8),
}
PURPOSE_SHARES, PURPOSE_RISK, PURPOSE_AMOUNT = zip(*PURPOSES.values(), strict=True)

LEVELS: Mapping[str, tuple[str | None, ...]] = {
    "channel": CHANNELS,
    "purpose": tuple(PURPOSES),
    "region": REGIONS,
    "employment": EMPLOYMENTS,
}

# BEGIN, so that the tables appear together with their rows or not at all.
SCHEMA = """
    BEGIN;
    CREATE TABLE predictions (
        prediction_id TEXT PRIMARY KEY, timestamp TEXT NOT NULL, version TEXT NOT NULL,
        income REAL, age INTEGER, amount REAL, debt_ratio REAL,
        months_employed INTEGER, utilisation REAL,
        channel TEXT, purpose TEXT, region TEXT, employment TEXT, has_mortgage BOOLEAN,
        prediction INTEGER NOT NULL, score REAL NOT NULL
    );
    CREATE TABLE labels (
        prediction_id TEXT NOT NULL, label INTEGER NOT NULL, label_timestamp TEXT NOT NULL
    );
    CREATE INDEX predictions_timestamp ON predictions (timestamp);
    CREATE INDEX labels_prediction_id ON labels (prediction_id);
"""


@dataclass(frozen=True, slots=True)
class DemoEvents:
    """The days on which something happens, as UTC dates; every `_end` is the day after the last."""

    start: date
    reference_end: date
    quality_break: date
    quality_break_end: date
    covariate_drift: date
    version_change: date
    concept_drift: date
    end: date


@dataclass(frozen=True, slots=True)
class Weights:
    """Effects on the log odds of default: per standardised feature, and per kind of employment."""

    intercept: float
    income: float
    age: float
    amount: float
    debt_ratio: float
    months_employed: float
    utilisation: float
    has_mortgage: float
    employment: tuple[float, ...]


TRUTH = Weights(
    intercept=-1.95,
    income=-0.55,
    age=-0.25,
    amount=0.35,
    debt_ratio=0.95,
    months_employed=-0.4,
    utilisation=0.6,
    has_mortgage=-0.3,
    employment=EMPLOYMENT_RISK,
)
TRUTH_AFTER = replace(TRUTH, debt_ratio=0.0, employment=EMPLOYMENT_RISK_AFTER)

# The model never learnt what a mortgage says, and is a little too sure of what it did learn.
MODEL_V1 = replace(TRUTH, income=-0.7, debt_ratio=1.1, utilisation=0.7, has_mortgage=0.0)
MODEL_V2 = replace(MODEL_V1, intercept=-2.0, debt_ratio=1.05, amount=0.3)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What may differ between two days: the market, the pipeline, the model and the truth."""

    age_shift: float = 0.0
    amount_factor: float = 1.0
    channels: tuple[float, ...] = CHANNEL_SHARES
    income_lost: float = 0.0
    version: str = "v1"
    model: Weights = MODEL_V1
    truth: Weights = TRUTH


@dataclass(frozen=True, slots=True)
class Applicants:
    """The features of one day's applications; a categorical column holds positions of levels."""

    income: Floats
    age: Integers
    amount: Floats
    debt_ratio: Floats
    months_employed: Integers
    utilisation: Floats
    channel: Integers
    purpose: Integers
    region: Integers
    employment: Integers
    has_mortgage: Integers


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the log; times are seconds since 1970, and `label_time` is -1 for no label."""

    ids: list[str]
    time: Integers
    version: str
    features: Applicants
    score: Floats
    label: Integers
    label_time: Integers


def write_log(
    path: Path,
    *,
    seed: int = 7,
    start: date = date(2026, 1, 5),
    days: int = 90,
    rows_per_day: int = 600,
) -> DemoEvents:
    """Write the tables `predictions` and `labels` to a new SQLite file, and say what happens when.

    The same arguments give the same rows on any machine, and a shorter log is the beginning of a
    longer one. Labels stand in the order of their arrival; the last ones arrive after the last
    prediction, so a reader must look at `label_timestamp` to know what was known when.

    Raises `FileExistsError` if there is something at `path`, and `ValueError` for an empty log.
    """
    if days < 1 or rows_per_day < 1:
        raise ValueError(f"days={days}, rows_per_day={rows_per_day}: both must be 1 or more")
    if path.exists() and path.stat().st_size > 0:
        raise FileExistsError(f"{path}: there is a file already; remove it or name another path")
    log = [simulate_day(seed, start, number, rows_per_day) for number in range(days)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        for day in log:
            insert(connection, "predictions", prediction_columns(day))
        insert(connection, "labels", label_columns(log))
    return events_of(start, days)


def events_of(start: date, days: int) -> DemoEvents:
    """Dates of the events in a log of `days` days; what lies at or after `end` is not in the log.

    >>> events_of(date(2026, 1, 5), 90).concept_drift
    datetime.date(2026, 3, 22)
    """

    return DemoEvents(
        start=start,
        reference_end=start + timedelta(REFERENCE_DAYS),
        quality_break=start + timedelta(QUALITY_BREAK_DAYS.start),
        quality_break_end=start + timedelta(QUALITY_BREAK_DAYS.stop),
        covariate_drift=start + timedelta(COVARIATE_DRIFT_DAY),
        version_change=start + timedelta(VERSION_CHANGE_DAY),
        concept_drift=start + timedelta(CONCEPT_DRIFT_DAY),
        end=start + timedelta(days),
    )


def conditions_on(number: int) -> Conditions:
    """What holds on the day of this number, counted from 0."""
    today = Conditions()
    if number in QUALITY_BREAK_DAYS:
        today = replace(today, income_lost=INCOME_LOST, channels=CHANNEL_SHARES_BROKEN)
    if number >= COVARIATE_DRIFT_DAY:
        today = replace(today, age_shift=-0.6, amount_factor=1.35, channels=CHANNEL_SHARES_DRIFTED)
    if number >= VERSION_CHANGE_DAY:
        today = replace(today, version="v2", model=MODEL_V2)
    if number >= CONCEPT_DRIFT_DAY:
        today = replace(today, truth=TRUTH_AFTER)
    return today


def simulate_day(seed: int, start: date, number: int, rows_per_day: int) -> Day:
    """One day, from a random stream of its own, so that no day depends on those before it."""
    rng = np.random.Generator(np.random.PCG64([seed, number]))
    today = conditions_on(number)
    midnight = start + timedelta(number)
    rows = volume(rng, rows_per_day * WEEKDAY_VOLUME[midnight.weekday()])
    time = int(np.datetime64(midnight, "s").astype(np.int64)) + times_of_day(rng, rows)
    applicants = draw(rng, rows, today)
    label = flip(rng, sigmoid(risk(today.truth, applicants)))
    logged = lose_values(rng, applicants, today.income_lost)
    return Day(
        ids=[f"{midnight:%Y%m%d}-{row:05d}" for row in range(rows)],
        time=time,
        version=today.version,
        features=logged,
        score=score(today.model, logged),
        label=label,
        label_time=label_times(rng, time),
    )


def volume(rng: np.random.Generator, expected: float) -> int:
    """Number of applications on a day on which `expected` are usual; never none."""
    return max(1, round(expected * (1 + VOLUME_WOBBLE * float(normal(rng, 1)[0]))))


def times_of_day(rng: np.random.Generator, rows: int) -> Integers:
    """Ascending seconds since midnight, most of them in office hours and the evening."""
    until = np.cumsum((0, *HOURLY_VOLUME)) / sum(HOURLY_VOLUME)
    seconds = np.interp(rng.random(rows), until, np.arange(25) * 3600.0)
    return np.sort(seconds.astype(np.int64))


def label_times(rng: np.random.Generator, time: Integers) -> Integers:
    """When the truth about each prediction arrives: log-normally late, or never."""
    delay = np.exp(LABEL_DELAY_SIGMA * normal(rng, time.size)) * LABEL_DELAY_MEDIAN
    arrives = rng.random(time.size) >= LABELS_NEVER_SENT
    return np.where(arrives, time + np.ceil(delay).astype(np.int64), -1)


def draw(rng: np.random.Generator, rows: int, today: Conditions) -> Applicants:
    """The applications of a day as the customers made them, before anything gets lost."""
    wealth = wobbling_normal(rng, rows)
    maturity = wobbling_normal(rng, rows) + today.age_shift
    age = (18 + 62 * sigmoid(-0.5 + 0.75 * maturity)).astype(np.int64)
    purpose = wobbling_levels(rng, rows, PURPOSE_SHARES)
    employment = wobbling_levels(rng, rows, EMPLOYMENT_SHARES)
    strain = 0.95 * wobbling_normal(rng, rows) - 0.3 * wealth
    typical_amount = 8000 * today.amount_factor * np.asarray(PURPOSE_AMOUNT)[purpose]
    amount = typical_amount * np.exp(0.5 * wobbling_normal(rng, rows))
    return Applicants(
        income=np.round(2900 * np.exp(0.45 * wealth), 2),
        age=age,
        amount=np.maximum(np.round(amount / 50) * 50, 500),
        debt_ratio=np.round(sigmoid(-0.85 + 0.7 * strain), 4),
        months_employed=tenure(rng, age, employment),
        utilisation=utilisation(rng, rows),
        channel=wobbling_levels(rng, rows, today.channels),
        purpose=purpose,
        region=wobbling_levels(rng, rows, REGION_SHARES),
        employment=employment,
        has_mortgage=flip(rng, sigmoid(-0.8 + 0.5 * wealth + 0.04 * (age - 40))),
    )


def tenure(rng: np.random.Generator, age: Integers, employment: Integers) -> Integers:
    """Months with the present employer: never more than since the 17th birthday, 0 without one."""
    months = 12 * (age - 17) * sigmoid(-1.2 + 1.2 * wobbling_normal(rng, age.size))
    return np.where(np.isin(employment, WITHOUT_TENURE), 0, months.astype(np.int64))


def utilisation(rng: np.random.Generator, rows: int) -> Floats:
    """Share of the credit line in use, with the usual heap of customers who use none of it."""
    used = sigmoid(-0.3 + 1.3 * wobbling_normal(rng, rows))
    return np.where(rng.random(rows) < UTILISATION_UNUSED, 0.0, used).round(4)


def lose_values(rng: np.random.Generator, applicants: Applicants, share: float) -> Applicants:
    """What reaches the log: some utilisation is never known, and `share` of the incomes is lost."""
    lost, unknown = rng.random((2, applicants.age.size))
    return replace(
        applicants,
        income=np.where(lost < share, np.nan, applicants.income),
        utilisation=np.where(unknown < UTILISATION_MISSING, np.nan, applicants.utilisation),
    )


def risk(weights: Weights, of: Applicants) -> Floats:
    """Log odds of default; a missing number counts as a typical one, as the model imputes it."""
    terms = (
        weights.income * np.log(of.income / 2900) / 0.45,
        weights.age * (of.age - 42.0) / 10,
        weights.amount * np.log(of.amount / 8000) / 0.6,
        weights.debt_ratio * (of.debt_ratio - 0.31) / 0.14,
        weights.months_employed * (of.months_employed - 65.0) / 65,
        weights.utilisation * (of.utilisation - 0.42) / 0.25,
        weights.has_mortgage * of.has_mortgage,
        np.asarray(PURPOSE_RISK)[of.purpose],
        np.asarray(weights.employment)[of.employment],
    )
    return sum((np.nan_to_num(term) for term in terms), np.full(of.age.size, weights.intercept))


def score(model: Weights, of: Applicants) -> Floats:
    """The model's probability of default, to the six decimals that are logged."""
    return np.round(sigmoid(risk(model, of)), 6)


def sigmoid(odds: Floats) -> Floats:
    """Probabilities for these log odds.

    >>> sigmoid(np.log([1, 3])).round(9).tolist()
    [0.5, 0.75]
    """
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)


def flip(rng: np.random.Generator, chance: Floats) -> Integers:
    """1 with the given chance, else 0."""
    return (rng.random(chance.size) < chance).astype(np.int64)


def normal(rng: np.random.Generator, rows: int) -> Floats:
    """Standard normal numbers by Box and Muller (1958).

    numpy may change its own algorithm from one release to the next, but not its uniform numbers.
    """
    radius = np.sqrt(-2 * np.log1p(-rng.random(rows)))
    return np.asarray(radius * np.cos(2 * np.pi * rng.random(rows)), dtype=np.float64)


def wobbling_normal(rng: np.random.Generator, rows: int) -> Floats:
    """Normal numbers about a mean that differs a little from day to day."""
    return normal(rng, rows) + SHIFT_WOBBLE * (2 * rng.random() - 1)


def wobbling_levels(rng: np.random.Generator, rows: int, shares: tuple[float, ...]) -> Integers:
    """Positions of levels drawn with shares that differ a little from day to day."""
    tilted = np.asarray(shares) * np.exp(SHARE_WOBBLE * (2 * rng.random(len(shares)) - 1))
    until = np.cumsum(tilted)
    return np.searchsorted(until / until[-1], rng.random(rows), side="right").astype(np.int64)


def prediction_columns(day: Day) -> Columns:
    """A day as columns of the table `predictions`."""
    return {
        "prediction_id": day.ids,
        "timestamp": as_text(day.time),
        "version": [day.version] * day.time.size,
        **feature_columns(day.features),
        "prediction": (day.score >= DECISION_THRESHOLD).astype(np.int64).tolist(),
        "score": day.score.tolist(),
    }


def feature_columns(features: Applicants) -> Columns:
    """Each feature with its values; a NaN stays one, and SQLite stores it as NULL."""
    columns = {field.name: getattr(features, field.name).tolist() for field in fields(features)}
    for name, levels in LEVELS.items():
        columns[name] = [levels[position] for position in columns[name]]
    return columns


def label_columns(log: Sequence[Day]) -> Columns:
    """All labels that ever arrive, in the order of their arrival."""
    ids = [identity for day in log for identity in day.ids]
    label = np.concatenate([day.label for day in log])
    time = np.concatenate([day.label_time for day in log])
    order = np.argsort(time, kind="stable")
    order = order[time[order] >= 0]
    return {
        "prediction_id": [ids[row] for row in order.tolist()],
        "label": label[order].tolist(),
        "label_timestamp": as_text(time[order]),
    }


def as_text(time: Integers) -> list[str]:
    """Seconds since 1970 as UTC text.

    >>> as_text(np.array([1767571205]))
    ['2026-01-05 00:00:05']
    """
    stamps = np.datetime_as_string(time.astype("datetime64[s]")).tolist()
    return [stamp.replace("T", " ") for stamp in stamps]


def insert(connection: sqlite3.Connection, table: str, columns: Columns) -> None:
    """Append rows, given as columns, to a table."""
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    rows = zip(*columns.values(), strict=True)
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of our own
    connection.executemany(statement, rows)
