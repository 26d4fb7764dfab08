"""The tasks beyond classes and amounts, from the command line, in every format, and the daemon."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from checks.plan import MOST_CLASSES
from monitor.cli import cli
from monitor.config import ConfigError, load
from monitor.planning import Outlook, plan_of
from monitor.sources import Columns, ColumnSurvey, Survey, WrongSchema
from monitor.store import Store
from monitor.tasks import forecast_plan, multilabel_plan
from tests.monitor.task_logs import COLUMNS, TABLES, configured, late

TOLD = {
    "ranking": ("ndcg", "critical", "without 2 queries without a relevant item"),
    "forecasting": ("worst_horizon", "critical", "horizon 7: "),
    "multilabel": ("label_f1_macro", "critical", "lowest: red with "),
    "clustering": ("silhouette", "critical", "rows of noise (-1)"),
}


def checked(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str, str], dict]:
    """The findings of the last two days by day, check and column."""
    days = ["--from", "2024-01-05", "--to", "2024-01-07"]
    how = ["--format", "jsonl", "--fail-on", "never", "--config", str(path)]
    cli.main(["check", "m", *days, *how], standalone_mode=False)
    records = map(json.loads, capsys.readouterr().out.splitlines())
    return {
        (each["window_start"][:10], each["check"], each["column"]): each
        for each in records
        if each["kind"] == "finding" and not each["segment"]
    }


@pytest.mark.parametrize("task", TABLES)
def test_a_bad_day_is_told_from_a_good_one_and_the_culprit_named(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = checked(configured(task, "parquet", tmp_path), capsys)
    name, verdict, words = TOLD[task]
    assert found["2024-01-05", name, ""]["verdict"] not in ("warning", "critical", "error")
    bad = found["2024-01-06", name, ""]
    assert bad["verdict"] == verdict
    assert words in bad["reason"]
    assert not [each for each in found.values() if each["verdict"] == "error"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "sql"])
@pytest.mark.parametrize("task", TABLES)
def test_every_format_gives_the_same_numbers(
    task: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = tmp_path / "one", tmp_path / "other"
    for folder in folders:
        folder.mkdir()
    one = checked(configured(task, "parquet", folders[0]), capsys)
    other = checked(configured(task, kind, folders[1]), capsys)
    assert one.keys() == other.keys()
    for key, each in one.items():
        assert each["verdict"] == other[key]["verdict"], key
        assert each["value"] == pytest.approx(other[key]["value"], rel=1e-12, abs=1e-12), key


def test_ndcg_of_a_log_is_that_of_scikit_learn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = "[models.m.checks]\nndcg = { k = 5 }\n"
    found = checked(configured("ranking", "parquet", tmp_path, extra), capsys)
    table = TABLES["ranking"]().to_pydict()
    score, label = (np.reshape(table[name], (-1, 10)) for name in ("score", "relevance"))
    day = late(600) & label.any(axis=1)
    expected = ndcg_score(label[day], score[day], k=5)
    assert found["2024-01-06", "ndcg", ""]["value"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("task", TABLES)
def test_segments_and_every_check_of_the_task_have_a_verdict(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from checks.check import catalogue
    from monitor.handbook import SUBJECTS

    kinds = set(SUBJECTS.get(task, ())) or {
        kind for name in ("silhouette", "calinski_harabasz") for kind in catalogue()[name].takes
    }
    names = [name for name, check in catalogue().items() if set(check.takes) & kinds]
    extra = "[models.m.checks]\n" + "\n".join(f"{name} = true" for name in names)
    path = configured(task, "parquet", tmp_path, extra)
    column = {"ranking": "price", "forecasting": "ahead", "multilabel": "size"}.get(task, "x")
    text = path.read_text().replace(
        'timestamp = "at"', f'timestamp = "at"\nsegments = ["{column}"]'
    )
    path.write_text(text)
    found = checked(path, capsys)
    assert set(names) <= {check for _, check, _ in found}
    assert not [each for each in found.values() if each["verdict"] == "error"]


@pytest.mark.parametrize("task", TABLES)
def test_two_logs_are_compared_without_a_configuration(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        configured(task, "parquet", folder)
    logs = [str(tmp_path / name / "log.parquet") for name in ("one", "other")]
    roles = [line.partition(" = ") for line in COLUMNS[task].splitlines()]
    options = [part for key, _, value in roles for part in (f"--{key}", json.loads(value))]
    how = ["--task", task, "--format", "jsonl", "--fail-on", "never"]
    cli.main(["drift", *logs, *how, *options], standalone_mode=False)
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    values = {each["check"]: each for each in records if not each["column"]}
    assert values[TOLD[task][0]]["verdict"] == "ok"


@pytest.mark.parametrize("task", TABLES)
def test_the_daemon_keeps_what_it_measured(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configured(task, "parquet", tmp_path)
    cli.main(["run", "--once", "--config", str(path)], standalone_mode=False)
    capsys.readouterr()
    with Store.open(f"sqlite:///{tmp_path}/state.db") as store:
        found = {f.window.start.day: f for f in store.findings("m", check=TOLD[task][0]) if f.stat}
    assert found[6].verdict.value == "critical"


@pytest.mark.parametrize(
    ("task", "gone", "expected"),
    [
        ("ranking", 'query = "request"', "columns.query: a ranking model needs to know which rows"),
        ("ranking", 'score = "score"', "columns.score: a ranking model needs the score"),
        ("forecasting", 'horizon = "ahead"', "columns.horizon: a forecasting model needs to know"),
        ("multilabel", 'prediction = "told"', "needs one: a set of labels in each row"),
        ("clustering", 'prediction = "cluster"', "needs one: the cluster of each row"),
    ],
)
def test_a_column_that_the_task_needs_is_asked_for(
    task: str, gone: str, expected: str, tmp_path: Path
) -> None:
    path = configured(task, "parquet", tmp_path)
    path.write_text(path.read_text().replace(f"{gone}\n", ""))
    with pytest.raises(ConfigError, match=expected):
        load(path)


def test_a_cutoff_that_is_not_measured_is_refused(tmp_path: Path) -> None:
    path = configured("ranking", "parquet", tmp_path, "[models.m.checks]\nhit_rate = { k = 7 }\n")
    with pytest.raises(ConfigError, match=r"hit_rate\.k: 7 is none of the cutoffs 1, 3, 5, 10"):
        load(path)


def test_a_query_of_a_model_that_ranks_nothing_is_noted(tmp_path: Path) -> None:
    path = configured("clustering", "parquet", tmp_path)
    path.write_text(
        path.read_text().replace("[models.m.reference]", 'query = "x"\n[models.m.reference]')
    )
    assert any("columns.query: has no effect" in note for note in load(path).notes)


def seen(name: str, *levels: str, family: str = "text") -> ColumnSurvey:
    return ColumnSurvey(name, family, 100, levels=levels)  # type: ignore[arg-type]


def test_labels_are_those_of_sets_in_any_spelling_and_at_most_fifty() -> None:
    plan = multilabel_plan(seen("tags", '["b", "a"]', "[]", '["c"]'), seen("told", "a,d"), ",")
    assert (plan.labels, plan.complete) == (("b", "a", "c", "d"), True)
    many = multilabel_plan(seen("tags", ",".join(map(str, range(60)))), None, ",")
    assert (len(many.labels), many.complete) == (MOST_CLASSES, False)
    with pytest.raises(WrongSchema, match="'tags' names no label"):
        multilabel_plan(seen("tags", "[]"), None, ",")


def test_horizons_are_ordered_by_size() -> None:
    columns = Columns(horizon="ahead")
    plan = forecast_plan(columns, seen("y"), {"ahead": seen("ahead", "10", "2", "1")})
    assert plan.horizons == ("1", "2", "10")


def test_relevance_that_is_no_number_is_refused() -> None:
    columns = Columns(query="q", score="s", label="y")
    looks = {"q": seen("q"), "s": seen("s", family="number"), "y": seen("y", "good")}
    with pytest.raises(WrongSchema, match="needs the relevance of each item as a number"):
        plan_of(Survey(looks, 100), columns, Outlook("ranking"))
