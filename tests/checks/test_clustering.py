from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

from checks.check import NotEnoughData, catalogue
from checks.plan import MultivariatePlan
from checks.sample import RowSample, ranks_of

PLAN = MultivariatePlan(
    ("a", "b", "c"),
    (0.0, 0.0, 0.0),
    (1.0, 1.0, 1.0),
    rows=1000,
    categories=("k",),
    clusters=5,
    noise=5,
)


def sample(rows, code):
    ranks = ranks_of(np.arange(len(code), dtype=np.uint64))
    return RowSample.of(ranks, rows, np.asarray(code)[:, None], PLAN)


def drawn(seed, rows=300, apart=2.0):
    rng = np.random.default_rng(seed)
    code = rng.integers(1, 5, rows)
    return rng.normal(size=(rows, 3)) + apart * code[:, None], code


def stat(name, then, now=None):
    return catalogue()[name].compute(then, then if now is None else now)


@pytest.mark.parametrize("seed", range(5))
def test_the_metrics_are_those_of_scikit_learn(seed):
    rows, code = drawn(seed)
    code[0] = 4 if seed else code[0]
    found = sample(rows, code)
    assert stat("silhouette", found).value == pytest.approx(silhouette_score(rows, code))
    assert stat("davies_bouldin", found).value == pytest.approx(davies_bouldin_score(rows, code))
    scaled = calinski_harabasz_score(rows, code) * 1000 / (300 - 4)
    assert stat("calinski_harabasz", found).value == pytest.approx(scaled)


def test_a_row_alone_in_its_cluster_counts_0_as_in_scikit_learn():
    rows, code = drawn(1)
    code = np.where(code == 4, 3, code)
    code[7] = 4
    expected = silhouette_score(rows, code)
    assert stat("silhouette", sample(rows, code)).value == pytest.approx(expected)


def test_noise_and_clusters_that_the_reference_lacks_are_left_out():
    rows, code = drawn(2)
    mixed = np.where(np.arange(300) % 10 == 0, 5, np.where(np.arange(300) % 10 == 1, 6, code))
    kept = mixed < 5
    found = stat("silhouette", sample(rows, code), sample(rows, mixed))
    assert found.value == pytest.approx(silhouette_score(rows[kept], code[kept]))
    assert "30 rows of noise (-1) and 30 rows of clusters unknown" in found.where


def test_many_clusters_and_rows_in_blocks_give_the_same():
    rows, code = drawn(3, 1000)
    assert stat("silhouette", sample(rows, code)).value == pytest.approx(
        silhouette_score(rows, code)
    )


@pytest.mark.parametrize("name", ["silhouette", "calinski_harabasz", "davies_bouldin"])
def test_mixed_clusters_are_beyond_the_interval_and_one_cluster_is_said(name):
    then = sample(*drawn(4))
    now = stat(name, then, sample(*drawn(5, apart=0.1)))
    before = stat(name, then)
    assert before.low <= before.value <= before.high
    worse = catalogue()[name].direction
    assert now.floor > before.high if worse == "above" else now.ceiling < before.low
    with pytest.raises(NotEnoughData, match="1 clusters among 300 rows"):
        stat(name, then, sample(drawn(6)[0], np.ones(300, np.int64)))


def test_without_clusters_it_says_so():
    plain = MultivariatePlan(("a",), (0.0,), (1.0,), rows=100)
    rows = RowSample.of(np.array([0.5]), np.ones((1, 1)), np.zeros((1, 0), np.int64), plain)
    with pytest.raises(NotEnoughData, match='there are no clusters: task = "clustering" has'):
        stat("silhouette", rows)
