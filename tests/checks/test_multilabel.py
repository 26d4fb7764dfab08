from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    hamming_loss,
    jaccard_score,
    precision_recall_fscore_support,
)

from checks.check import NotEnoughData, catalogue
from checks.outcome_labels import MultilabelOutcome
from checks.plan import MultilabelPlan
from tests.checks.tasks import drawn_sets
from tests.checks.test_outcome_profile import assert_same

PLAN = MultilabelPlan(("a", "b", "c"))
SETS = st.none() | st.frozensets(st.sampled_from("abcxy"), max_size=3)
rows = st.lists(st.tuples(SETS, SETS), max_size=20)


def of(some):
    return MultilabelOutcome.of_sets(PLAN, *([row[i] for row in some] for i in range(2)))


def indicator(sets):
    return np.array([[label in each for label in "abc"] for each in sets])


def value(name, outcome):
    return catalogue()[name].compute(outcome, outcome).value


@given(rows, rows)
def test_merged_outcomes_are_the_outcome_of_all_rows(one, other):
    assert_same(of(one).merge(of(other)), of(one + other))


@given(rows)
def test_counts_are_those_of_sets(some):
    outcome = of(some)
    known = [(told, true) for told, true in some if told is not None and true is not None]
    assert outcome.rows == len(some)
    assert outcome.labelled == len(known)
    assert outcome.exact == sum(told == true for told, true in known)
    assert outcome.strange == sum(bool(true - set("abc")) for _, true in known)
    for place, label in enumerate("abc"):
        assert outcome.hits[place] == sum(label in told & true for told, true in known)
        assert outcome.said[place] == sum(label in (told or ()) for told, _ in some)
    jaccard = [len(a & b) / len(a | b) if a | b else 1.0 for a, b in known]
    assert outcome.jaccard == pytest.approx(sum(jaccard))


@pytest.mark.parametrize("seed", range(5))
def test_the_metrics_are_those_of_scikit_learn(seed):
    told, true = drawn_sets(150, 0.4, seed), drawn_sets(150, 0.3, 50 + seed)
    outcome = MultilabelOutcome.of_sets(PLAN, told, true)
    ours, theirs = indicator(told), indicator(true)
    for average in ("micro", "macro", "weighted"):
        found = precision_recall_fscore_support(theirs, ours, average=average)
        for name, expected in zip(("precision", "recall", "f1"), found, strict=False):
            if (name, average) != ("recall", "weighted"):  # it is that of micro
                assert value(f"label_{name}_{average}", outcome) == pytest.approx(expected)
    micro = precision_recall_fscore_support(theirs, ours, average="weighted")[1]
    assert value("label_recall_micro", outcome) == pytest.approx(micro)
    assert value("subset_accuracy", outcome) == pytest.approx(accuracy_score(theirs, ours))
    assert value("hamming_loss", outcome) == pytest.approx(hamming_loss(theirs, ours))
    jaccard = jaccard_score(theirs, ours, average="samples", zero_division=1.0)
    assert value("label_jaccard", outcome) == pytest.approx(jaccard)


def test_a_label_that_is_never_predicted_has_precision_0_as_scikit_learn_has_it():
    told, true = [frozenset("a")] * 60, [frozenset("ab")] * 60
    outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = precision_recall_fscore_support(
            indicator(true)[:, :2], indicator(told)[:, :2], average="macro"
        )
    assert value("label_precision_macro", outcome) == found[0] == 0.5
    assert catalogue()["label_f1_macro"].compute(outcome, outcome).where == "lowest: b with 0"


@pytest.mark.parametrize("name", [n for n in catalogue() if n.startswith("label_f1")])
def test_the_interval_covers_the_metric_of_all_rows(name):
    told, true = drawn_sets(20_000, 0.5, 6), drawn_sets(20_000, 0.5, 7)
    right = np.random.default_rng(8).random(20_000) < 0.7
    mixed = [a if ok else b for a, b, ok in zip(true, told, right, strict=True)]
    whole, check = MultilabelOutcome.of_sets(PLAN, mixed, true), catalogue()[name]
    mean, hits = check.compute(whole, whole).value, 0
    for start in range(0, 20_000, 100):
        part = slice(start, start + 100)
        outcome = MultilabelOutcome.of_sets(PLAN, mixed[part], true[part])
        stat = check.compute(whole, outcome)
        hits += stat.low <= mean <= stat.high
    assert 180 <= hits <= 198


def test_a_shift_names_the_label_and_a_small_one_is_not_proven():
    then = MultilabelOutcome.of_sets(PLAN, drawn_sets(400, 0.4, 8), [None] * 400)
    same = MultilabelOutcome.of_sets(PLAN, drawn_sets(400, 0.4, 9), [None] * 400)
    gone = [each - {"c"} for each in drawn_sets(400, 0.4, 9)]
    now = MultilabelOutcome.of_sets(PLAN, gone, [None] * 400)
    check = catalogue()["label_shift"]
    assert check.compute(then, same).floor == 0.0
    stat = check.compute(then, now)
    assert stat.floor > check.critical
    assert stat.where.startswith("c: 0.0%, was ")


def test_it_says_what_is_short():
    for some, reason in (([], "no rows"), ([({"a"}, None)], "no labels yet")):
        with pytest.raises(NotEnoughData, match=reason):
            value("hamming_loss", of(some))
