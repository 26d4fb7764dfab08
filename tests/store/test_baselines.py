from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Thread

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.log import LogProfile
from checks.plan import CategoricalPlan, NumericPlan, Plan
from checks.portrait import Portrait
from checks.profile import CategoricalProfile, NumericProfile
from monitor.baseline import Baseline
from monitor.findings import WHOLE, Slice
from monitor.store import Damaged, Store
from monitor.store.portraits import packed
from tests.store.examples import START, baseline, day, evening, plainly, record

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES = st.lists(st.floats(-1e6, 1e6) | st.just(float("inf")) | st.just(float("nan")), max_size=9)
LEVELS = st.dictionaries(NAMES, st.integers(0, 99), max_size=5)
_models = count(1)


@st.composite
def portraits(draw: st.DrawFn, plan: Plan) -> Portrait:
    numeric, categorical = plan.columns["x"], plan.columns["c"]
    assert isinstance(numeric, NumericPlan)
    assert isinstance(categorical, CategoricalPlan)
    x = NumericProfile.of(
        np.array(draw(VALUES), np.float64), numeric, nulls=draw(st.integers(0, 9))
    )
    c = CategoricalProfile.of(draw(LEVELS), categorical)
    log = LogProfile.of_window(draw(st.integers(0, 99)), 1.0, 2.0, 3.0, versions=draw(LEVELS))
    return Portrait(plan.hash, {"x": x, "c": c}, log)


@st.composite
def baselines(draw: st.DrawFn) -> Baseline:
    levels = tuple(draw(st.lists(NAMES, unique=True, max_size=4)))
    centre = draw(st.floats(-1e6, 1e6))
    plan = Plan({"x": NumericPlan(centre), "c": CategoricalPlan(levels)}, roles={"x": "score"})
    keys = draw(st.lists(st.builds(Slice, NAMES, NAMES), unique=True, max_size=3))
    windows = draw(st.lists(st.integers(0, 9), unique=True, max_size=3))
    return Baseline(
        f"model {next(_models)}",
        plan,
        replace(day(0), end=day(9).end),
        {key: draw(portraits(plan)) for key in (WHOLE, *keys)},
        {day(number): draw(portraits(plan)).log for number in windows},
        accepted_by=draw(NAMES),
        note=draw(NAMES),
        recipe=draw(NAMES),
    )


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(accepted=baselines())
def test_any_baseline_comes_back_as_it_was(store: Store, accepted: Baseline) -> None:
    saved = store.save_baseline(accepted, evening(9))
    assert plainly(saved) == plainly(replace(accepted, version=1, accepted_at=evening(9)))
    assert plainly(store.baseline(accepted.model)) == plainly(saved)


def test_a_real_baseline_comes_back_with_its_profiles(store: Store) -> None:
    saved = store.save_baseline(baseline(), evening(3))
    found = store.baseline("churn")
    assert found is not None
    assert found.rows == 203
    assert plainly(found) == plainly(saved)


def test_versions_count_per_model_and_the_newest_is_in_force(store: Store) -> None:
    first = store.save_baseline(baseline(seed=1), evening(3))
    second = store.save_baseline(baseline(seed=2), evening(4))
    other = store.save_baseline(baseline("fraud"), evening(4))
    assert (first.version, second.version, other.version) == (1, 2, 1)
    assert plainly(store.baseline("churn")) == plainly(second)
    assert plainly(store.baseline("churn", 1)) == plainly(first)
    assert store.baseline("churn", 3) is None
    assert store.baseline("nobody") is None


def test_what_is_known_of_baselines_without_reading_them(store: Store) -> None:
    store.save_baseline(baseline(seed=1), evening(3))
    store.save_baseline(replace(baseline(seed=1), note="the same again"), evening(4))
    store.save_baseline(baseline(seed=2), evening(5))
    first, same, different = store.baselines("churn")
    assert (first.version, first.rows, first.accepted_by, first.note) == (1, 203, "ada", "spring")
    assert (first.period.start, first.accepted_at) == (START, evening(3))
    assert (first.plan_hash, first.recipe) == (baseline().plan.hash, "cafe")
    assert first.fingerprint == same.fingerprint
    assert first.fingerprint != different.fingerprint
    assert len(first.fingerprint) == 64
    assert [info.version for info in store.baselines("churn", limit=2)] == [2, 3]
    assert store.baselines("nobody") == ()


def test_the_fingerprint_does_not_follow_the_order_of_slices(store: Store) -> None:
    one = baseline()
    turned = replace(
        one,
        portraits=dict(reversed([*one.portraits.items()])),
        windows=dict(reversed([*one.windows.items()])),
    )
    store.save_baseline(one, evening(3))
    store.save_baseline(turned, evening(3))
    first, second = store.baselines("churn")
    assert first.fingerprint == second.fingerprint


def test_any_change_of_content_changes_the_fingerprint(store: Store) -> None:
    one = baseline()
    changed = (
        one,
        replace(one, period=replace(one.period, end=one.period.end + timedelta(microseconds=1))),
        replace(one, portraits={WHOLE: one.portraits[WHOLE]}),
        replace(one, windows={}),
        replace(one, plan=replace(one.plan, timestamp_unit="ms")),
        replace(one, portraits={**one.portraits, Slice("ab"): one.portraits[WHOLE]}),
        replace(one, portraits={**one.portraits, Slice("a", "b"): one.portraits[WHOLE]}),
    )
    for each in changed:
        store.save_baseline(each, evening(3))
    assert len({info.fingerprint for info in store.baselines("churn")}) == len(changed)


def test_accepting_a_baseline_is_on_the_audit_trail(store: Store) -> None:
    store.save_baseline(baseline(), evening(3))
    (deed,) = store.trail("churn")
    assert (deed.who, deed.what, deed.at) == ("ada", "accepted baseline 1", evening(3))


def test_two_who_accept_at_once_get_two_versions(url: str) -> None:
    def accept(seed: int) -> None:
        with Store.open(url) as mine:
            mine.save_baseline(baseline(seed=seed), evening(3))

    Store.open(url).close()
    threads = [Thread(target=accept, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store.open(url) as store:
        assert [info.version for info in store.baselines("churn")] == [1, 2, 3, 4, 5, 6]


def test_a_baseline_whose_bytes_changed_is_refused(url: str, store: Store) -> None:
    store.save_baseline(baseline(), evening(3))
    for other in (b"", b"garbage", packed(baseline(seed=9).portraits)[WHOLE]):
        _overwrite(url, "modelmon_baseline_portrait", other)
        with pytest.raises(Damaged, match=r"baseline 1 of churn: does not match its fingerprint"):
            store.baseline("churn")
    assert len(store.baselines("churn")) == 1


def test_portraits_whose_bytes_changed_are_refused(url: str, store: Store) -> None:
    store.record(record(0))
    for other in (b"", b"garbage"):
        _overwrite(url, "modelmon_portrait", other)
        with pytest.raises(Damaged, match=r"entry 1: a stored portrait cannot be read"):
            store.portraits("churn", day(0))
    assert len(list(store.findings("churn"))) == 3


def _overwrite(url: str, table: str, content: bytes) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(f"UPDATE {table} SET content = :content WHERE segment = ''"),
            {"content": content},
        )
    engine.dispose()
