"""Weights of rows: every metric that counts them, held against scikit-learn and against itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from checks.check import NotEnoughData, Stat, catalogue
from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.outcome_classes import NOTHING, MulticlassOutcome
from checks.outcome_scores import ClassScores
from checks.outcome_weights import WeightedErrors
from checks.plan import BinaryPlan, MulticlassPlan, RegressionPlan
from checks.resampling import of_weights

CHECKS = catalogue()
NAMES = ("a", "b", "c", "d")
KINDS = (BinaryOutcome, MulticlassOutcome, RegressionOutcome)
Oracle = Callable[..., float]


def decisions(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    score = rng.beta(1, 2, n)
    label = (rng.random(n) < score).astype(np.int64)
    return (score >= 0.4).astype(np.int64), label, score


def binary(told: np.ndarray, label: np.ndarray, score: np.ndarray, weight: Any) -> BinaryOutcome:
    whole = BinaryOutcome.of(BinaryPlan("1", "0", 0.4), told, label, score)
    return whole if weight is None else whole.weighed(weight, told, label, score)


def classes(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Predictions, truths and scores of four classes, of which each is rarer than the last."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet((4.0, 3.0, 2.0, 1.5), n)
    truth = (np.cumsum(scores, 1) < rng.random(n)[:, None]).sum(1)
    return scores.argmax(1), truth, scores


def several(
    told: np.ndarray, truth: np.ndarray, scores: np.ndarray, weight: Any
) -> MulticlassOutcome:
    sides = told, truth, scores.max(axis=1)
    whole = MulticlassOutcome.of(MulticlassPlan(NAMES), *sides)
    whole = whole if weight is None else whole.weighed(weight, *sides)
    return replace(whole, scores=ClassScores.of(NAMES, scores, truth, weight))


def amounts(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2.0, 10.0, n)
    return truth + rng.normal(1.0, 3.0, n).clip(-0.9 - truth), truth


def regression(told: np.ndarray, truth: np.ndarray, weight: Any) -> RegressionOutcome:
    whole = RegressionOutcome.of(RegressionPlan(20.0), told, truth)
    if weight is None:
        return whole
    return replace(whole, weighted=WeightedErrors.of(weight, told, truth, 20.0))


MADE: dict[type, tuple[Callable[..., Any], Callable[..., Any]]] = {
    BinaryOutcome: (decisions, binary),
    MulticlassOutcome: (classes, several),
    RegressionOutcome: (amounts, regression),
}


def gammas(n: int = 4000) -> np.ndarray:
    return np.random.default_rng(7).gamma(0.5, 2.0, n)


@cache
def weighed(kind: type, weights: str) -> Any:
    rows, outcome = MADE[kind]
    even = {"none": None, "even": np.full(4000, 0.3), "uneven": gammas()}
    return outcome(*rows(), even[weights])


def of(kind: type, name: str) -> Oracle:
    """What scikit-learn says of the rows of a kind, with their weights."""

    def averaged(score: Oracle, average: str) -> Oracle:
        return lambda p, y, s, w: score(y, p, average=average, sample_weight=w, zero_division=0)

    def ends(score: Oracle) -> Oracle:
        return lambda p, y, s, w: score(y, s, sample_weight=w)

    def lowest(score: Oracle) -> Oracle:
        return lambda p, y, s, w: score(y, p, average=None, sample_weight=w).min()

    def matched(score: Oracle) -> Oracle:
        return lambda p, y, s, w: score(y, p, sample_weight=w)

    shared = {
        "accuracy": matched(metrics.accuracy_score),
        "balanced_accuracy": matched(metrics.balanced_accuracy_score),
        "mcc": matched(metrics.matthews_corrcoef),
        "cohen_kappa": matched(metrics.cohen_kappa_score),
    }
    oracles: dict[type, dict[str, Oracle]] = {
        BinaryOutcome: shared
        | {
            "average_precision": ends(metrics.average_precision_score),
            "ks_score": ks,
            "ece": lambda p, y, s, w: calibration(s, y, w),
            "value": lambda p, y, s, w: np.average(
                np.choose(2 * p + y, [0.0, -1.0, -1.0, 1.0]), weights=w
            ),
            "precision_at": lambda p, y, s, w: metrics.precision_score(
                y, s >= 0.5, sample_weight=w
            ),
            "recall_at": lambda p, y, s, w: metrics.recall_score(y, s >= 0.5, sample_weight=w),
            "precision_at_k": lambda p, y, s, w: at_top(y, s, w)[0],
            "recall_at_k": lambda p, y, s, w: at_top(y, s, w)[1],
            "lift_at_k": lambda p, y, s, w: at_top(y, s, w)[1] / 0.1,
        },
        MulticlassOutcome: shared
        | {
            "f1_macro": averaged(metrics.f1_score, "macro"),
            "f1_weighted": averaged(metrics.f1_score, "weighted"),
            "precision_macro": averaged(metrics.precision_score, "macro"),
            "precision_weighted": averaged(metrics.precision_score, "weighted"),
            "class_precision": lowest(metrics.precision_score),
            "class_recall": lowest(metrics.recall_score),
            "class_log_loss": ends(metrics.log_loss),
            "class_brier": lambda p, y, s, w: np.average(
                np.square(s - np.eye(4)[y]).sum(1), weights=w
            ),
            "top_k_accuracy": lambda p, y, s, w: metrics.top_k_accuracy_score(
                y, s, k=3, sample_weight=w
            ),
            "roc_auc_macro": lambda p, y, s, w: np.mean(
                [metrics.roc_auc_score(y == k, s[:, k], sample_weight=w) for k in range(4)]
            ),
            "ece": lambda p, y, s, w: calibration(s.max(1), y == p, w),
        },
        RegressionOutcome: {
            "r2": lambda p, y, w: metrics.r2_score(y, p, sample_weight=w),
            "explained_variance": lambda p, y, w: metrics.explained_variance_score(
                y, p, sample_weight=w
            ),
            "mape": lambda p, y, w: metrics.mean_absolute_percentage_error(y, p, sample_weight=w),
            "rmsle": lambda p, y, w: np.sqrt(
                np.average(np.square(np.log1p(p) - np.log1p(y)), weights=w)
            ),
            "smape": lambda p, y, w: np.average(
                2 * np.abs(p - y) / (np.abs(p) + np.abs(y)), weights=w
            ),
        },
    }
    return oracles[kind][name] if name else oracles[kind]  # type: ignore[return-value]


def ks(p: np.ndarray, y: np.ndarray, s: np.ndarray, w: np.ndarray) -> float:
    fpr, tpr, _ = metrics.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    return float((tpr - fpr).max())


def calibration(s: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    bins = np.minimum((s * 10).astype(int), 9)
    gaps = [abs((w * (y - s))[bins == place].sum()) for place in range(10)]
    return sum(gaps) / w.sum()


def at_top(y: np.ndarray, s: np.ndarray, w: np.ndarray) -> tuple[float, float]:
    """Precision and recall of the tenth of all weight that has the highest scores."""
    order = np.argsort(-s)
    room = np.clip(0.1 * w.sum() - (np.cumsum(w[order]) - w[order]), 0.0, w[order])
    found = room @ y[order]
    return found / room.sum(), found / (w @ y)


COARSE = {"average_precision", "ks_score", "precision_at_k", "recall_at_k", "lift_at_k"}
COARSE |= {"roc_auc_macro"}  # as fine as the cells of the score grid
PAIRS = [(kind, name) for kind in KINDS for name in of(kind, "")]  # type: ignore[attr-defined]


def named(pair: object) -> str:
    return pair.__name__ if isinstance(pair, type) else str(pair)


def measure(kind: type, name: str, weights: str) -> Stat:
    return CHECKS[name].compute(*[weighed(kind, weights)] * 2)


@pytest.mark.parametrize(("kind", "name"), PAIRS, ids=named)
def test_it_is_what_scikit_learn_says(kind: type, name: str) -> None:
    found = measure(kind, name, "uneven")
    exact = of(kind, name)(*MADE[kind][0](), gammas())
    assert found.value == pytest.approx(exact, rel=3e-3 if name in COARSE else 1e-9)
    assert found.floor <= found.low <= found.value <= found.high < found.ceiling
    assert found.n_current < 4000


def counted() -> list[tuple[type, str]]:
    return [(kind, name) for name, check in CHECKS.items() for kind in KINDS if kind in check.takes]


@pytest.mark.parametrize(("kind", "name"), counted(), ids=named)
def test_weights_count_where_a_check_says_so_and_nowhere_else(kind: type, name: str) -> None:
    if CHECKS[name].needs in ("lower", "weight"):
        pytest.skip("it is of columns that these rows do not have")
    found = []
    for weights in ("none", "uneven"):
        try:
            found.append(measure(kind, name, weights).value)
        except NotEnoughData as shortage:
            found.append(shortage.reason)
    assert (found[0] != found[1]) == CHECKS[name].weighted, found


@pytest.mark.parametrize(("kind", "name"), counted(), ids=named)
def test_equal_weights_say_what_no_weights_say(kind: type, name: str) -> None:
    if not CHECKS[name].weighted:
        pytest.skip("it counts rows")
    plain, even = (measure(kind, name, weights) for weights in ("none", "even"))
    assert even.n_current == plain.n_current
    for end in ("value", "corrected", "low", "high", "floor", "ceiling", "scale"):
        one, other = getattr(plain, end), getattr(even, end)
        assert other == (one if one is None else pytest.approx(one, rel=1e-9, abs=1e-12)), end


@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_weights_of_whole_numbers_are_so_many_rows(kind: type) -> None:
    rows, outcome = MADE[kind]
    sides, times = rows(500), np.random.default_rng(3).integers(0, 4, 500)
    one = outcome(*sides, times.astype(float))
    many = outcome(*(np.repeat(each, times, axis=0) for each in sides), None)
    for name, check in CHECKS.items():
        if kind in check.takes and check.weighted and not name.endswith("_at_k"):
            found, wanted = (value_of(name, each) for each in (one, many))
            assert found == pytest.approx(wanted, rel=1e-9), name


def value_of(name: str, outcome: object) -> float:
    """The number, were it to be shown only."""
    try:
        return CHECKS[name].compute(outcome, outcome).value
    except NotEnoughData as shortage:
        assert shortage.stat is not None, shortage.reason
        return shortage.stat.value


@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_halves_add_up_to_the_whole(kind: type) -> None:
    rows, outcome = MADE[kind]
    sides, weight = rows(1000), gammas(1000)
    halves = [
        outcome(*(each[part] for each in sides), weight[part])
        for part in (slice(0, 300), slice(300, None))
    ]
    both, whole = halves[0].merge(halves[1]), outcome(*sides, weight)
    for name, check in CHECKS.items():
        if kind in check.takes and check.weighted:
            assert value_of(name, both) == pytest.approx(value_of(name, whole), rel=1e-9), name


@pytest.mark.parametrize(("kind", "name"), PAIRS, ids=named)
@pytest.mark.parametrize("weight", [0.0, np.nan], ids=["nothing", "unusable"])
def test_rows_that_weigh_nothing_are_not_judged(kind: type, name: str, weight: float) -> None:
    rows, outcome = MADE[kind]
    none = outcome(*rows(500), np.full(500, weight))
    with pytest.raises(NotEnoughData, match="weight"):
        CHECKS[name].compute(none, none)


def test_few_heavy_rows_are_as_few_as_they_are() -> None:
    weight = np.append(np.full(490, 1e-6), np.ones(10))
    for name, outcome in (
        ("f1_macro", several(*classes(500), weight)),
        ("class_log_loss", several(*classes(500), weight)),
        ("mcc", binary(*decisions(500), weight)),
        ("ece", binary(*decisions(500), weight)),
        ("r2", regression(*amounts(500), weight)),
        ("mape", regression(*amounts(500), weight)),
    ):
        with pytest.raises(NotEnoughData, match="needed") as caught:
            CHECKS[name].compute(outcome, outcome)
        assert caught.value.have <= 10, name
        assert caught.value.stat is not None


def test_rows_of_several_classes_without_a_usable_weight_are_left_out_and_told() -> None:
    told, truth, scores = classes(500)
    weight = np.append([-1.0, np.nan, np.inf, 1e300], gammas(496))
    outcome = several(told, truth, scores, weight)
    exact = metrics.f1_score(truth[4:], told[4:], average="macro", sample_weight=weight[4:])
    found = CHECKS["f1_macro"].compute(outcome, outcome)
    assert found.value == pytest.approx(exact)
    assert found.where.endswith("; 4 of 500 labels left out: no usable weight")
    assert CHECKS["class_brier"].compute(outcome, outcome).where == (
        "left out: 4 without a usable weight"
    )
    assert CHECKS["unusable_weights"].compute(outcome, outcome).value == 4 / 500


def test_other_classes_that_are_told_right_count_by_their_weights() -> None:
    told, truth = np.array([0, 7, 8, 2, 9] * 20), np.array([0, 7, 9, 1, NOTHING] * 20)
    weight = np.array([1.0, 2.0, 4.0, 1.0, 9.0] * 20)
    plan = MulticlassPlan(NAMES)
    outcome = MulticlassOutcome.of(plan, told, truth).weighed(weight, told, truth)
    assert CHECKS["accuracy"].compute(outcome, outcome).value == pytest.approx(3 / 8)


def test_draws_vary_as_the_bootstrap_of_the_weighted_rows_does() -> None:
    rng = np.random.default_rng(5)
    place, weight = rng.integers(0, 3, 900), rng.gamma(1.0, size=900)
    sums, squares = (np.bincount(place, weight**power) for power in (1, 2))
    drawn = of_weights(sums, squares)
    shares = drawn / drawn.sum(axis=1)[:, None]
    rows = [rng.integers(0, 900, 900) for _ in range(2000)]
    exact = np.array([np.bincount(place[each], weight[each], 3) for each in rows])
    exact /= exact.sum(axis=1)[:, None]
    assert shares.mean(axis=0) == pytest.approx(exact.mean(axis=0), abs=3e-3)
    assert shares.std(axis=0) == pytest.approx(exact.std(axis=0), rel=0.15)


def thinned(kind: type, n: int, rng: np.random.Generator) -> tuple[tuple[np.ndarray, ...], Any]:
    """Rows of which one part was kept to a tenth and counts ten times, the usual use of weights."""
    seed = int(rng.integers(1 << 30))
    sides = MADE[kind][0](n, seed)
    common = {
        BinaryOutcome: lambda: sides[1] == 0,
        MulticlassOutcome: lambda: sides[1] == 0,
        RegressionOutcome: lambda: sides[1] < 20.0,
    }[kind]()
    kept = ~common | (rng.random(n) < 0.1)
    return tuple(each[kept] for each in sides), np.where(common, 10.0, 1.0)[kept]


COVERED = [
    *((BinaryOutcome, name) for name in ("mcc", "balanced_accuracy", "average_precision")),
    *((BinaryOutcome, name) for name in ("precision_at", "recall_at_k", "value")),
    *((MulticlassOutcome, name) for name in ("accuracy", "f1_macro", "cohen_kappa")),
    *((MulticlassOutcome, name) for name in ("class_log_loss", "top_k_accuracy")),
    *((RegressionOutcome, name) for name in ("r2", "explained_variance", "smape")),
]


@pytest.mark.parametrize(("kind", "name"), COVERED, ids=named)
def test_intervals_hold_where_light_and_heavy_rows_differ(kind: type, name: str) -> None:
    rng = np.random.default_rng(8)
    sides, weight = thinned(kind, 1_000_000, rng)
    true = of(kind, name)(*sides, weight)
    held = 0
    for _ in range(200):
        sides, weight = thinned(kind, 6000, rng)
        outcome = MADE[kind][1](*sides, weight)
        found = CHECKS[name].compute(outcome, outcome)
        held += found.low <= true <= found.high
    assert held >= 200 * 0.90, held
