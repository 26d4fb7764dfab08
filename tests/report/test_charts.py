"""Pictures: bins, bars and courses say what the profiles say."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from checks.check import Stat
from checks.plan import CategoricalPlan, NumericPlan
from checks.profile import CategoricalProfile, NumericProfile
from checks.verdict import Verdict
from monitor.report.bins import MOST_BINS, MOST_STEPS, common_bins, quantile
from monitor.report.charts import level_rows, numeric_rows, picture
from monitor.report.sections import courses
from monitor.report.svg import labels, steps, ticks
from monitor.report.timelines import Point, course, strip
from tests.report.made import (
    CURRENT,
    DEVICES,
    REFERENCE,
    before,
    bell,
    finding,
    levels,
    numeric,
    performance,
    report,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
values = arrays(np.float64, st.integers(0, 40), elements=finite)
COARSE = NumericPlan(exact=0)


def coarse(data: np.ndarray) -> NumericProfile:
    """A profile that has forgotten the distinct values."""
    return NumericProfile.of(data.astype(np.float64), COARSE)


def drawn(markup: object) -> ET.Element:
    return ET.fromstring(str(markup))


def texts(markup: object) -> list[str]:
    return ["".join(text.itertext()) for text in drawn(markup).iter("text")]


def paths(markup: object, kind: str) -> list[str]:
    return [path.get("d", "") for path in drawn(markup).iter("path") if path.get("class") == kind]


@given(values, values, st.booleans())
def test_bins_hold_every_value_once_whatever_the_values(before_values, after_values, exact):
    make = numeric if exact else coarse
    bins = common_bins(make(before_values), make(after_values))
    if bins is None:
        together = np.concatenate((before_values, after_values))
        assert not len(together) or np.abs(together).max() > 1e300
        return
    assert (np.diff(bins.edges) >= 0).all()
    assert len(bins.edges) <= max(MOST_BINS, MOST_STEPS) + 4
    for shares, outside, data in (
        (bins.reference, bins.outside[0], before_values),
        (bins.current, bins.outside[1], after_values),
    ):
        assert (shares >= 0).all()
        assert shares.sum() + outside == pytest.approx(1.0 if len(data) else 0.0, abs=1e-9)


def test_bins_count_what_numpy_counts():
    then, now = bell(50, 15, 900), bell(80, 30, 700)
    bins = common_bins(numeric(then), numeric(now))
    for shares, data in ((bins.reference, then), (bins.current, now)):
        assert shares == pytest.approx(np.histogram(data, bins.edges)[0] / len(data))


def test_bins_of_coarse_profiles_are_those_of_the_values_within_a_cell():
    then, now = bell(5000, 900, 9000) + 0.25, bell(6000, 900, 9000) + 0.25
    bins = common_bins(coarse(then), coarse(now))
    exact = np.histogram(then, bins.edges)[0] / len(then)
    assert np.abs(np.cumsum(bins.reference - exact)).max() < 0.01


def test_a_few_extremes_do_not_squeeze_the_rest():
    data = np.concatenate((bell(0, 10, 1000), [1e9, -1e9]))
    bins = common_bins(numeric(data), numeric(data))
    assert bins.edges[-1] - bins.edges[0] < 200
    assert bins.outside == pytest.approx((2 / 1002, 2 / 1002))
    (row,) = numeric_rows(numeric(data), numeric(data), bins)
    assert row.label == "off the axis"


def test_few_values_at_equal_distances_have_a_bin_each():
    bins = common_bins(numeric(np.array([1, 2, 5])), numeric(np.array([2, 2, 4])))
    assert bins.edges.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert bins.current == pytest.approx([0, 2 / 3, 0, 1 / 3, 0])


def test_a_constant_stands_in_the_middle():
    bins = common_bins(numeric(np.full(9, 7.0)), numeric(np.full(5, 7.0)))
    assert bins.reference.tolist() == bins.current.tolist() == [0, 1, 0]


def test_a_constant_moved_to_another_gives_two_places():
    bins = common_bins(numeric(np.full(9, 3.0)), numeric(np.full(5, 5.0)))
    assert bins.reference.tolist() == bins.current.tolist()[::-1] == [1, 0]


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6)), st.floats(0, 1))
def test_a_quantile_is_one_of_the_values(data, probability):
    exact = np.quantile(data, probability, method="inverted_cdf")
    assert quantile(numeric(data), probability) == pytest.approx(exact, rel=1e-9, abs=1e-12)
    assert data.min() <= quantile(coarse(data), probability) <= data.max()


def test_nothing_can_be_drawn_of_nothing():
    nothing = numeric(np.empty(0))
    assert picture("age", nothing, nothing) is None
    plan = CategoricalPlan(("a",))
    assert picture("plan", levels(plan, {}), levels(plan, {})) is None
    assert picture("age", REFERENCE["age"], REFERENCE["device"]) is None


def test_missing_values_have_bars_of_their_own():
    assert "0 % → 7 %" in texts(picture("age", REFERENCE["age"], CURRENT["age"]))
    assert "0 % → 100 %" in texts(picture("coupon", REFERENCE["coupon"], CURRENT["coupon"]))


def test_infinite_values_and_text_have_bars_of_their_own():
    odd = numeric(np.array([1.0, 2.0, np.inf]), unparsed=1)
    told = texts(picture("age", numeric(np.array([1.0, 2.0])), odd))
    assert told.count("0 % → 25 %") == 2


def test_an_unseen_level_is_called_new():
    told = texts(picture("device", REFERENCE["device"], CURRENT["device"]))
    assert "smart fridge new" in told
    assert "0 % → 10 %" in told


def test_a_level_missing_from_a_cut_dictionary_is_not_called_new():
    plan = CategoricalPlan(("a", "b"), complete=False)
    rows = level_rows(levels(plan, {"a": 9, "z": 1}), levels(plan, {"a": 5, "q": 5}))
    assert [(row.label, row.new) for row in rows] == [
        ("a", False),
        ("b", False),
        ("rare levels", False),
    ]
    assert rows[-1][1:3] == (0.1, 0.5)


@pytest.mark.parametrize("nulls", [0, 600])
def test_what_has_no_current_values_has_no_current_share(nulls):
    then = levels(DEVICES, {"mobile": 700, "desktop": 300})
    now = levels(DEVICES, {}, nulls=nulls)
    shares = [row.current for row in level_rows(then, now)]
    assert shares == [None, None, None, *[1.0] * bool(nulls)]
    told = texts(picture("device", then, now))
    assert "70 %" in told
    assert not any("→ 0 %" in text for text in told)


def test_of_many_levels_the_largest_and_the_most_moved_are_drawn():
    names = tuple(f"l{i:03}" for i in range(300))
    plan = CategoricalPlan(names)
    then = CategoricalProfile.of(dict.fromkeys(names, 10), plan)
    now = CategoricalProfile.of(dict.fromkeys(names, 10) | {"l250": 900}, plan, nulls=10)
    rows = level_rows(then, now)
    assert rows[0].label == "l250"
    assert [row.label for row in rows[-2:]] == ["292 other levels", "missing"]
    assert sum(row.reference for row in rows) == pytest.approx(1)
    assert sum(row.current for row in rows) == pytest.approx(1)


def test_a_spike_is_cut_and_named():
    then, now = np.zeros(1000), bell(0, 20, 1000)
    told = " ".join(texts(picture("x", numeric(then), numeric(now))))
    assert "100 % reference" in told
    assert len(paths(picture("x", numeric(then), numeric(now)), "break")) == 1


@pytest.mark.parametrize("column", ["age", "device", "coupon"])
def test_every_picture_has_a_text_alternative(column):
    svg = drawn(picture(column, REFERENCE[column], CURRENT[column]))
    assert svg.get("role") == "img"
    assert column in svg.get("aria-label")


def test_the_outline_of_a_histogram_returns_to_the_floor():
    assert steps([0, 10, 20], [5, 5], 9) == "M0 9H0V5H20V9"


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(3, 6))
def test_ticks_lie_inside_and_are_few(low, width, most):
    found = ticks(low, low + width, most)
    assert 1 <= len(found) <= most
    slack = 1e-6 * (abs(low) + width)
    assert all(low - slack <= tick <= low + width + slack for tick in found)
    assert len(labels(found)) == len(found)


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        ([0.0, 0.5, 1.0], ["0", "0.5", "1.0"]),
        ([0.0, 20000.0, 40000.0], ["0", "20k", "40k"]),
        ([1e9, 1e9 + 50], ["1,000,000,000", "1,000,000,050"]),
        ([2e-7, 4e-7], ["2e-07", "4e-07"]),
        ([-5.0, 0.0, 5.0], ["-5", "0", "5"]),
    ],
)
def test_axis_labels_are_of_one_form_and_tell_neighbours_apart(numbers, names):
    assert labels(numbers) == names


def day(value: float | None, days: int, verdict: Verdict = Verdict.OK, limit: float = 0.7) -> Point:
    if value is None:
        missing = finding("auc", verdict=Verdict.NO_DATA, window=before(days), cause="performance")
        return Point(missing)
    return Point(
        performance("auc", value, value - 0.05, value + 0.05, limit, verdict, before(days))
    )


def test_a_window_without_a_value_and_a_missing_window_are_gaps():
    points = [day(0.8, 9), day(0.8, 8), day(None, 7), day(0.8, 6), day(0.8, 3), day(0.8, 2)]
    (line,) = paths(course("auc", points), "line")
    assert line.count("M") == 3
    (band,) = paths(course("auc", points), "band")
    assert band.count("z") == 3


def test_a_provisional_window_is_hollow():
    points = [day(0.8, 2), Point(day(0.8, 1).finding, provisional=True)]
    (plain,), (hollow,) = (paths(course("auc", points), kind) for kind in ("dot", "dot hollow"))
    assert plain.count("M") == hollow.count("M") == 1


def test_breaches_have_shapes_of_their_own():
    points = [day(0.8, 3), day(0.6, 2, Verdict.WARNING), day(0.5, 1, Verdict.CRITICAL, 0.65)]
    made = course("auc", points)
    (fine,), (warning,), (critical,) = (
        paths(made, k) for k in ("dot", "dot warning", "dot critical")
    )
    shapes = {re.sub(r"M[\d. ]+", "", path) for path in (fine, warning, critical)}
    assert len(shapes) == 3


def test_of_many_windows_only_those_that_say_something_have_dots():
    points = [day(0.8, days) for days in range(99, 0, -1)]
    points[5] = day(0.5, 94, Verdict.CRITICAL)
    made = course("auc", points)
    (dots,), (critical,) = paths(made, "dot"), paths(made, "dot critical")
    assert dots.count("M") == critical.count("M") == 1


def test_the_two_limits_are_lines_of_their_own():
    points = [day(0.8, 3), day(0.6, 2, Verdict.WARNING), day(0.5, 1, Verdict.CRITICAL, 0.65)]
    made = course("auc", points)
    assert len(paths(made, "bound warning")) == len(paths(made, "bound critical")) == 1
    assert {"warning", "critical"} <= set(texts(made))


def test_one_limit_is_called_limit_and_steps_where_it_changed():
    made = course("auc", [day(0.8, 3), day(0.8, 2), day(0.8, 1, limit=0.75)])
    (bound,) = paths(made, "bound limit")
    assert bound.count("V") == 1


def test_the_names_in_the_margin_do_not_overlap():
    made = course("auc", [day(0.7, 2), day(0.7, 1)], norm=0.7)
    margin = [
        t
        for t in drawn(made).iter("text")
        if t.text in ("limit", "reference", "0.7") and float(t.get("x")) > 400
    ]
    heights = sorted(float(text.get("y")) for text in margin)
    assert len(heights) == 3
    assert np.diff(heights).min() >= 13


def test_a_course_without_a_value_is_not_drawn():
    assert course("auc", [day(None, 2), day(None, 1)]) is None


def test_numbers_that_are_not_finite_are_gaps():
    odd = Point(finding("auc", "", stat=Stat(float("nan"), low=float("inf")), window=before(1)))
    (line,) = paths(course("auc", [day(0.8, 3), day(0.8, 2), odd]), "line")
    assert line.count("L") == 1


def test_a_course_tells_its_story_in_words():
    said = drawn(course("auc", [day(0.8, 3), day(None, 2), day(0.6, 1)])).get("aria-label")
    assert said == (
        "auc over 3 windows; between 0.6 and 0.8; newest 0.6 (0.55 to 0.65); "
        "in the window from 2026-02-28; verdict ok; 1 window without a value"
    )


def test_a_strip_shows_each_verdict_by_a_shape_and_leaves_gaps_empty():
    svg = drawn(strip([*Verdict, None]))
    kinds = {path.get("class"): path.get("d") for path in svg.iter("path")}
    assert set(kinds) == {"ok", "warning", "critical", "error", "unjudged"}
    shapes = {re.sub(r"M\d+ ", "", path) for kind, path in kinds.items() if kind != "unjudged"}
    assert len(shapes) == 4
    assert kinds["unjudged"].count("M") == 3
    assert svg.get("width") == str(8 * 10 - 2)


def test_an_older_revision_is_not_drawn():
    old = performance("auc", 0.1, 0.0, 0.2, 0.7, Verdict.CRITICAL, before(1))
    new = replace(day(0.9, 1).finding, revision=2)
    (made,) = courses(report(new, history=(day(0.9, 2).finding, old)))
    assert made.verdict is Verdict.OK
    assert "between 0.9 and 0.9" in made.picture
