"""Evaluation: rules and two portraits become findings; a pure function."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field

from checks.check import Check, NotEnoughData, Parameter, Stat
from checks.plan import Plan
from checks.portrait import Portrait
from checks.profile import LogProfile
from checks.verdict import Judgement, Limit, Verdict, default_limit, judge, judge_missing
from monitor.findings import WHOLE, Finding, Slice
from monitor.windows import State, Window

JUDGED_FROM = 0.5
"""Share of rows with labels from which a window that still waits for more is judged."""

_ROLE_CAUSES = {
    "feature": "features",
    "prediction": "predictions",
    "score": "predictions",
    "label": "labels",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One check as a model wants it run.

    ``limit`` None leaves the limit to the check's defaults, ``columns`` None means every column
    the check can measure, ``min_rows`` None the check's own minimum.
    """

    check: Check
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    limit: Limit | None = None
    columns: tuple[str, ...] | None = None
    min_rows: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What is evaluated: a model's window, at one revision, knowing so much of the truth."""

    model: str
    window: Window
    revision: int = 1
    state: State = State.FINAL


def evaluate(
    target: Target,
    plan: Plan,
    rules: Sequence[Rule],
    reference: Mapping[Slice, Portrait],
    current: Mapping[Slice, Portrait],
) -> tuple[Finding, ...]:
    """Every rule on every slice and column it applies to, in a fixed order.

    A check that cannot be computed gives a finding that says why; it never stops the others.
    """
    found: list[Finding] = []
    for place in sorted(current):
        now, then = current[place], reference.get(place)
        for rule in rules:
            for column, subject in _subjects(rule.check, now, place):
                if rule.columns is None or not column or column in rule.columns:
                    norm = None if then is None else _counterpart(then, column, subject)
                    judged, stat, limit = _measure(rule, norm, subject, target, now)
                    found.append(
                        Finding(
                            target.model,
                            place,
                            rule.check.name,
                            column,
                            target.window,
                            target.revision,
                            stat,
                            judged.threshold,
                            limit.rule if limit and judged.threshold is not None else "",
                            judged.verdict,
                            judged.reason,
                            rule.check.cause or _ROLE_CAUSES[plan.role(column)],
                        )
                    )
    return tuple(found)


def _subjects(check: Check, portrait: Portrait, place: Slice) -> Iterator[tuple[str, object]]:
    """The profiles of a portrait that a check measures, each with its column ('' for none)."""
    for column, profile in portrait.columns.items():
        if isinstance(profile, check.takes):
            yield column, profile
    if portrait.outcome is not None and isinstance(portrait.outcome, check.takes):
        yield "", portrait.outcome
    if place == WHOLE and LogProfile in check.takes:
        yield "", portrait.log


def _counterpart(portrait: Portrait, column: str, subject: object) -> object:
    if column:
        return portrait.columns[column]
    return portrait.log if isinstance(subject, LogProfile) else portrait.outcome


def _measure(
    rule: Rule, reference: object, current: object, target: Target, portrait: Portrait
) -> tuple[Judgement, Stat | None, Limit | None]:
    if reference is None:
        lacking = NotEnoughData("the reference has none of these rows")
        return judge_missing(lacking), None, None
    try:
        limit = rule.limit or _learnt(rule, reference)
        stat = rule.check.compute(reference, current, **rule.parameters)
    except NotEnoughData as shortage:
        return judge_missing(shortage), shortage.stat, None
    except Exception as error:
        reason = f"{rule.check.name} failed: {type(error).__name__}: {error}"[:300]
        return Judgement(Verdict.ERROR, None, reason), None, None
    if any(isinstance(number, float) and math.isnan(number) for number in astuple(stat)):
        reason = f"{rule.check.name} gave NaN, which is no number"
        return Judgement(Verdict.ERROR, None, reason), None, None
    short = (
        _too_few(rule, current, stat.n_current)
        or _too_few(rule, reference, None, " in the reference")
        or _too_early(rule, target, portrait)
    )
    if short is not None:
        return judge_missing(short), stat, limit
    return judge(stat, limit), stat, limit


def _learnt(rule: Rule, reference: object) -> Limit:
    """The check's default limit, for which the reference itself may have to be measured."""
    if rule.check.slack is None:
        return default_limit(rule.check, None)
    try:
        norm = rule.check.compute(reference, reference, **rule.parameters)
    except NotEnoughData as shortage:
        if shortage.stat is None:
            reason = f"the reference does not tell what is normal: {shortage.reason}"
            raise NotEnoughData(reason, have=1) from None
        norm = shortage.stat
    return default_limit(rule.check, norm)


def _too_few(
    rule: Rule, subject: object, counted: int | None, whose: str = ""
) -> NotEnoughData | None:
    """The values of a column, or (where there is no column) what the check itself counted."""
    need = rule.check.minimum if rule.min_rows is None else rule.min_rows
    have = getattr(subject, "n", need if counted is None else counted)
    if have >= need:
        return None
    return NotEnoughData(f"{have} values{whose}, {need} needed", max(have, 1), need)


def _too_early(rule: Rule, target: Target, portrait: Portrait) -> NotEnoughData | None:
    """Labels that come early are not like the others: wait for half of them before judging."""
    if target.state is State.FINAL or rule.check.cause != "performance":
        return None
    rows, labels = portrait.log.rows, portrait.log.labels
    if labels >= JUDGED_FROM * rows:
        return None
    share = f"{labels / rows:.0%}" if rows else "none"
    reason = f"labels of {share} of the rows have come; judged from {JUDGED_FROM:.0%}"
    return NotEnoughData(reason, have=max(labels, 1), need=int(JUDGED_FROM * rows))
