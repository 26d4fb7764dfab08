"""Columns that tell more of an outcome: read from files and from databases, and configured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics

from alerts.secret import Secret
from checks.check import catalogue
from checks.plan import Plan
from monitor.config import parse
from monitor.findings import WHOLE
from monitor.model import ConfigError
from monitor.planning import Outlook, plan_of
from monitor.sources import Columns, Horizon, WrongSchema, parquet, sql
from monitor.windows import Window
from tests.sources.databases import cells, differences, write_sqlite

START = datetime(2024, 3, 4, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
HALVES = [
    Window(START, START + timedelta(hours=9)),
    Window(START + timedelta(hours=9), START + timedelta(days=1)),
]
LIVE = Horizon(START + timedelta(days=9), START + timedelta(days=9))
ROWS = 3000
BASIC = {"timestamp": "at", "prediction": "told", "label": "truth"}


def amounts() -> pa.Table:
    rng = np.random.default_rng(1)
    truth = rng.gamma(2.0, 10.0, ROWS)
    told = truth + rng.normal(0.0, 3.0, ROWS)
    weight = rng.gamma(0.5, 2.0, ROWS)
    weight[:5] = -1.0
    return pa.table(
        {
            "at": times(),
            "told": told,
            "truth": pa.array(np.where(rng.random(ROWS) < 0.1, None, truth), pa.float64()),
            "low": told - 4.0,
            "high": pa.array(np.where(rng.random(ROWS) < 0.05, None, told + 4.0), pa.float64()),
            "weight": weight,
            "region": rng.choice(["north", "south"], ROWS),
        }
    )


def decisions() -> pa.Table:
    rng = np.random.default_rng(2)
    score = rng.beta(1, 2, ROWS)
    truth = (rng.random(ROWS) < score).astype(int)
    return pa.table(
        {
            "at": times(),
            "told": (score > 0.5).astype(int),
            "score": score,
            "truth": pa.array(np.where(rng.random(ROWS) < 0.1, None, truth), pa.int64()),
            "weight": rng.gamma(0.5, 2.0, ROWS),
            "region": rng.choice(["north", "south"], ROWS),
        }
    )


def classes() -> pa.Table:
    rng = np.random.default_rng(3)
    names = np.array(["cat", "dog", "owl"])
    scores = rng.dirichlet((1.0, 1.0, 1.0), ROWS)
    truth = np.array([rng.choice(3, p=each) for each in scores])
    return pa.table(
        {
            "at": times(),
            "told": names[scores.argmax(1)],
            "truth": names[truth],
            "region": rng.choice(["north", "south"], ROWS),
            "weight": rng.gamma(0.5, 2.0, ROWS),
            **{f"p_{name}": scores[:, place] for place, name in enumerate(names)},
        }
    )


def times() -> pa.Array:
    seconds = np.sort(np.random.default_rng(0).uniform(0, 86_400, ROWS))
    return pa.array(
        [START + timedelta(seconds=each) for each in seconds], pa.timestamp("us", "UTC")
    )


LOGS = {
    "regression": (amounts, {"lower": "low", "upper": "high", "weight": "weight"}),
    "binary": (decisions, {"score": "score", "weight": "weight"}),
    "multiclass": (
        classes,
        {"scores": {name: f"p_{name}" for name in ("owl", "cat", "dog")}, "weight": "weight"},
    ),
}


def planned(task: str, source: object) -> tuple[Plan, Columns]:
    columns = Columns(**BASIC, **LOGS[task][1], segments=("region",))  # type: ignore[arg-type]
    survey = source.survey(columns, DAY)  # type: ignore[attr-defined]
    return plan_of(survey, columns, Outlook(task))[0], columns


def written(task: str, folder: Path) -> tuple[pa.Table, parquet.Source]:
    table = LOGS[task][0]()
    pq.write_table(table, folder / "log.parquet", row_group_size=700)
    return table, parquet.Source(folder / "log.parquet")


def value(check: str, outcome: object, **parameters: float) -> float:
    return catalogue()[check].compute(outcome, outcome, **parameters).value  # type: ignore[arg-type]


@pytest.mark.parametrize("task", LOGS)
def test_a_database_hands_over_the_rows_and_gives_what_a_file_gives(
    task: str, tmp_path: Path
) -> None:
    table, file = written(task, tmp_path)
    kinds = dict.fromkeys(table.column_names, "REAL")
    kinds |= {name: "TEXT" for name in ("at", "region", "told", "truth") if task == "multiclass"}
    kinds |= {"at": "TEXT", "region": "TEXT"}
    columns_of = {
        name: [each.isoformat(" ") if isinstance(each, datetime) else each for each in found]
        for name, found in cells(table).items()
    }
    write_sqlite(tmp_path / "log.sqlite", log=(kinds, columns_of))
    database = sql.Source(Secret(f"sqlite:///{tmp_path}/log.sqlite"), table="log", push_down=True)
    plan, columns = planned(task, file)
    assert "row by row" in database.reads(plan, columns, DAY, LIVE).sentence
    wanted = file.profile(plan, columns, HALVES, LIVE)
    found = database.profile(plan, columns, HALVES, LIVE)
    outcomes = [
        {
            (window, key): each.outcome
            for window, slices in side.items()
            for key, each in slices.items()
        }
        for side in (found, wanted)
    ]
    assert list(differences(outcomes[0], outcomes[1])) == []


@pytest.mark.parametrize("task", LOGS)
def test_they_are_no_features_and_halves_add_up_to_the_day(task: str, tmp_path: Path) -> None:
    _, file = written(task, tmp_path)
    plan, columns = planned(task, file)
    assert not {name for _, name in columns.besides} & plan.columns.keys()
    assert Plan.from_json(plan.to_json()).hash == plan.hash
    parts = file.profile(plan, columns, HALVES, LIVE)
    both = parts[HALVES[0]][WHOLE].outcome.merge(parts[HALVES[1]][WHOLE].outcome)  # type: ignore[union-attr, arg-type]
    day = file.profile(plan, columns, [DAY], LIVE)[DAY][WHOLE].outcome
    assert list(differences(both, day)) == []


def test_a_regression_in_a_file_is_measured_as_by_scikit_learn(tmp_path: Path) -> None:
    table, file = written("regression", tmp_path)
    plan, columns = planned("regression", file)
    outcome = file.profile(plan, columns, [DAY], LIVE)[DAY][WHOLE].outcome
    rows = {name: np.array(table[name].to_pylist(), float) for name in table.column_names[1:6]}
    known, usable = np.isfinite(rows["truth"]), rows["weight"] >= 0
    truth, told, weight = (rows[name][known & usable] for name in ("truth", "told", "weight"))
    exact = metrics.mean_absolute_error(truth, told, sample_weight=weight)
    assert value("mae", outcome) == pytest.approx(exact)
    ends = known & np.isfinite(rows["high"])
    inside = (rows["truth"] >= rows["low"]) & (rows["truth"] <= rows["high"])
    assert value("interval_coverage", outcome) == pytest.approx(inside[ends].mean())
    assert value("interval_width", outcome) == pytest.approx(8.0)
    unusable = (known & ~usable).sum() / known.sum()
    assert value("unusable_weights", outcome) == pytest.approx(unusable)


def test_classes_in_a_file_are_measured_as_by_scikit_learn(tmp_path: Path) -> None:
    table, file = written("multiclass", tmp_path)
    plan, columns = planned("multiclass", file)
    outcome = file.profile(plan, columns, [DAY], LIVE)[DAY][WHOLE].outcome
    scores = np.stack([np.array(table[f"p_{name}"]) for name in ("cat", "dog", "owl")], 1)
    truth, told = (np.array(table[name].to_pylist()) for name in ("truth", "told"))
    weight = {"sample_weight": np.array(table["weight"])}
    loss = metrics.log_loss(truth, scores, **weight)
    assert value("class_log_loss", outcome) == pytest.approx(loss)
    area = metrics.roc_auc_score(truth, scores, multi_class="ovr", **weight)
    assert value("roc_auc_macro", outcome) == pytest.approx(area, abs=2e-4)
    top = metrics.top_k_accuracy_score(truth, scores, k=2, **weight)
    assert value("top_k_accuracy", outcome, k=2) == pytest.approx(top)
    f1 = metrics.f1_score(truth, told, average="macro", **weight)
    assert value("f1_macro", outcome) == pytest.approx(f1)


def test_a_column_that_is_not_there_is_named_with_the_key_that_asks_for_it(tmp_path: Path) -> None:
    written("regression", tmp_path)
    source = parquet.Source(tmp_path / "log.parquet")
    columns = Columns(**BASIC, weight="wieght")  # type: ignore[arg-type]
    with pytest.raises(WrongSchema, match=r"columns\.weight.*'wieght'.*'weight'"):
        source.survey(columns, DAY)


def tree(task: str, **columns: object) -> dict[str, object]:
    model = {
        "task": task,
        "source": {"type": "parquet", "path": "log.parquet"},
        "columns": BASIC | columns,
        "reference": {"from": START, "to": START + timedelta(days=1)},
    }
    return {"models": {"m": model}}


def rules(task: str, **columns: object) -> set[str]:
    config = parse(tree(task, **columns), Path("monitor.toml"))
    return {rule.check.name for rule in config.models["m"].rules}


def test_checks_of_them_run_by_default_where_the_columns_are_named() -> None:
    own = {"interval_coverage", "interval_width", "unusable_weights", "roc_auc_macro"}
    assert not rules("regression") & own
    named = rules("regression", lower="a", upper="b", weight="w")
    assert named & own == {"interval_coverage", "interval_width", "unusable_weights"}
    assert "roc_auc_macro" in rules("multiclass", scores={"cat": "p", "dog": "q"})


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"lower": "a"}, "models.m.columns.upper: is missing; lower is one end of two"),
        ({"scores": {"cat": "p"}}, "models.m.columns.scores: names one class; write the column"),
        ({"scores": ["p", "q"]}, "models.m.columns.scores: "),
    ],
)
def test_what_is_half_said_is_a_problem(columns: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem.replace(".", r"\.")):
        parse(tree("regression", **columns), Path("monitor.toml"))


def test_a_column_without_a_use_is_noted() -> None:
    config = parse(tree("ranking", weight="w", query="q", score="s"), Path("monitor.toml"))
    assert any("models.m.columns.weight: has no effect on a ranking" in n for n in config.notes)


def test_metrics_that_do_not_look_at_weights_are_named() -> None:
    told = parse(tree("regression", weight="w", lower="a", upper="b"), Path("monitor.toml")).notes
    wanted = "models.m.columns.weight: is not used by interval_coverage: there each row counts"
    assert any(wanted in note for note in told)
    assert not any("is not used by" in note for note in parse(tree("binary"), Path("x")).notes)
