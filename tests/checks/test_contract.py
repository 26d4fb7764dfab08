"""What every check promises, whoever wrote it: found by discovery, on profiles at the edges."""

from __future__ import annotations

import inspect
import itertools
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from textwrap import dedent

import numpy as np
import pytest

import checks
from checks.check import Check, NotEnoughData, Stat, catalogue
from checks.delays import Delays
from checks.embedding import EmbeddingProfile
from checks.joint import KINDS
from checks.log import LogProfile
from checks.pack import pack
from checks.portrait import Portrait
from checks.strata import Strata
from checks.verdict import Verdict, default_limit, judge
from tests.checks.edges import Profile, alone, families

FAMILIES = families()
FORMULA_OR_SOURCE = re.compile(r"Formula: |Source: |\b(18|19|20)\d\d\b| [-+*/=] |>>> ")


def each_check() -> list[object]:
    return [pytest.param(check, id=name) for name, check in catalogue().items()]


def each_distance() -> list[object]:
    found = {name: check for name, check in catalogue().items() if measures_distance(check)}
    assert {"ks", "wasserstein", "psi", "jensen_shannon"} <= found.keys()
    return [pytest.param(check, id=name) for name, check in found.items()]


def measures_distance(check: Check) -> bool:
    return check.compute.__module__.startswith("checks.drift_") and check.slack is None


def groups(check: Check) -> Iterator[dict[str, Profile]]:
    for kind in check.takes:
        yield from FAMILIES[kind].values()


def measure(check: Check, reference: Profile, current: Profile) -> Stat | None:
    try:
        return check.compute(reference, current, **check.parameters)
    except NotEnoughData as shortage:
        assert_it_says_what_is_short(shortage)
        return None


def assert_it_says_what_is_short(shortage: NotEnoughData) -> None:
    assert shortage.reason
    assert shortage.have >= 0


def assert_finite(stat: Stat) -> None:
    for field in fields(stat):
        number = getattr(stat, field.name)
        assert not isinstance(number, float) or math.isfinite(number), f"{field.name} of {stat}"
        assert not isinstance(number, np.generic), f"{field.name} is {type(number)}: not plain"
    assert stat.p_value is None or 0.0 <= stat.p_value <= 1.0
    assert len(stat.where) <= 300


def assert_documented(check: Check) -> None:
    text = inspect.getdoc(check.compute) or ""
    assert check.summary.endswith("."), "the first line is a sentence"
    assert len(check.summary) <= 100, "the first line is a row in the table of checks"
    assert FORMULA_OR_SOURCE.search(text), "no formula, no source and no worked example"


def assert_typed(check: Check) -> None:
    names = list(inspect.signature(check.compute).parameters)
    assert names[:2] == ["reference", "current"]
    assert set(names[2:]) == set(check.parameters) == set(check.types)
    for name, default in check.parameters.items():
        assert type(default) is check.types[name], f"the default of {name} is of another type"


def assert_at_ease_with_itself(check: Check, profile: Profile) -> None:
    """No profile breaches the limits that it sets itself, and a green tells what it could see."""
    stat = measure(check, profile, profile)
    if stat is None:
        return
    judged = judge(stat, default_limit(check, stat), check.unit)
    if check.slack is not None or measures_distance(check):
        assert judged.verdict not in (Verdict.WARNING, Verdict.CRITICAL), stat
    assert judged.verdict is not Verdict.OK or judged.detectable is not None or judged.reason


def assert_finite_everywhere(check: Check) -> None:
    for group in groups(check):
        for reference, current in itertools.product(group.values(), repeat=2):
            stat = measure(check, reference, current)
            if stat is not None:
                assert_finite(stat)


@pytest.mark.parametrize("check", each_check())
def test_it_is_documented_for_the_table_of_checks(check: Check) -> None:
    assert_documented(check)


@pytest.mark.parametrize("check", each_check())
def test_its_parameters_are_keywords_with_plain_types(check: Check) -> None:
    assert_typed(check)


@pytest.mark.parametrize("check", each_check())
def test_it_takes_profiles_and_its_limits_are_in_order(check: Check) -> None:
    assert check.takes
    assert set(check.takes) <= set(FAMILIES)
    if check.warning is not None and check.critical is not None:
        sign = -1 if check.direction == "below" else 1
        assert sign * check.warning < sign * check.critical
    assert check.slack is None or check.slack[0] < check.slack[1]


@pytest.mark.parametrize("check", each_check())
def test_it_is_finite_or_says_what_is_short_on_every_edge(check: Check) -> None:
    assert_finite_everywhere(check)


@pytest.mark.parametrize("check", each_check())
def test_no_profile_breaches_the_limits_it_sets_itself(check: Check) -> None:
    for group in groups(check):
        for profile in group.values():
            assert_at_ease_with_itself(check, profile)


@pytest.mark.parametrize("check", each_distance())
def test_a_distance_from_a_profile_to_itself_is_exactly_zero(check: Check) -> None:
    for group in groups(check):
        for profile in group.values():
            stat = measure(check, profile, profile)
            if stat is not None:
                assert stat.value == 0.0
                assert stat.p_value in (None, 1.0)
                assert not stat.where


@pytest.mark.parametrize("check", each_check())
def test_it_says_the_same_twice(check: Check) -> None:
    for group in groups(check):
        for reference, current in itertools.pairwise(group.values()):
            assert measure(check, reference, current) == measure(check, reference, current)


@pytest.mark.parametrize("check", each_check())
def test_it_leaves_profiles_as_they_were(check: Check) -> None:
    for group in groups(check):
        for profile in group.values():
            before = packed(profile)
            measure(check, next(iter(group.values())), profile)
            assert packed(profile) == before


def packed(profile: Profile) -> bytes:
    if isinstance(profile, Strata):
        return b"".join(map(np.ndarray.tobytes, (profile.counts, profile.loss, profile.squares)))
    if isinstance(profile, LogProfile):
        return pack(Portrait("", {}, profile), 0)
    if isinstance(profile, Delays):
        return pack(Portrait("", {}, LogProfile(), delays=profile), 0)
    if isinstance(profile, EmbeddingProfile):
        return pack(Portrait("", {}, LogProfile(), embeddings={"column": profile}), 0)
    if isinstance(profile, KINDS):
        return pack(Portrait("", {}, LogProfile(), multivariate=alone(profile)), level=0)
    if hasattr(profile, "found"):
        return pack(Portrait("", {"column": profile}, LogProfile()), 0)
    return pack(Portrait("", {}, LogProfile(), profile), 0)


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.__name__)
def test_the_arrays_of_profiles_are_read_only(kind: type) -> None:
    for group in FAMILIES[kind].values():
        for profile in group.values():
            for field in fields(profile):
                array = getattr(profile, field.name)
                assert not isinstance(array, np.ndarray) or not array.flags.writeable


def test_names_are_words_of_a_configuration() -> None:
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in catalogue())


PLUGIN = '''
"""A check of one's own."""

from __future__ import annotations

from checks.check import NotEnoughData, Stat, check
from checks.profile import NumericProfile


@check(NumericProfile, warning=1.0, critical=2.0)
def shift_of_the_highest(
    reference: NumericProfile, current: NumericProfile, *, root: bool = False
) -> Stat:
    """How much higher the highest value is.

    Source: folklore.
    """
    if not reference.n or not current.n:
        raise NotEnoughData("no values")
    ratio = current.maximum / 2.0 - reference.maximum / 2.0
    return Stat(max(min(ratio, 1e300), 0.0) ** (0.5 if root else 1.0))
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch) -> Iterator[Check]:
    (tmp_path / "plugin_of_a_user.py").write_text(dedent(PLUGIN))
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    yield catalogue()["shift_of_the_highest"]
    sys.modules.pop("checks.plugin_of_a_user")


def test_a_check_in_a_further_folder_is_found_and_keeps_the_contract(plugin: Check) -> None:
    assert plugin.parameters == {"root": False}
    assert_documented(plugin)
    assert_typed(plugin)
    assert_finite_everywhere(plugin)
    for group in groups(plugin):
        for profile in group.values():
            assert_at_ease_with_itself(plugin, profile)


def test_a_further_folder_is_forgotten_with_its_path() -> None:
    assert "shift_of_the_highest" not in catalogue()


def test_two_checks_of_one_name_are_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "plugin_named_twice.py").write_text(
        dedent(PLUGIN).replace("shift_of_the_highest", "ks")
    )
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match="two checks are named 'ks'"):
        catalogue()
    sys.modules.pop("checks.plugin_named_twice")
