"""Evaluation: rules and two portraits become findings; a pure function."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter

from checks.check import Check, NotEnoughData, Parameter, Stat
from checks.joint import KINDS
from checks.log import LogProfile
from checks.plan import Plan
from checks.portrait import Portrait
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


_numbers = attrgetter(*(each.name for each in fields(Stat) if "float" in str(each.type)))

Key = tuple[Slice, int, str, type]
"""A limit's place: slice, number of the rule, column, and type of the profile."""

Learnt = dict[Key, Limit]
"""Limits that follow from a reference."""


def kinds_of(rules: Iterable[Rule]) -> frozenset[type]:
    """The types of profile that span several columns, and are kept where a rule asks for them."""
    return frozenset(kind for rule in rules for kind in rule.check.takes if kind in KINDS)


def evaluate(
    target: Target,
    plan: Plan,
    rules: Sequence[Rule],
    reference: Mapping[Slice, Portrait],
    current: Mapping[Slice, Portrait],
    learnt: Learnt | None = None,
) -> tuple[Finding, ...]:
    """Every rule on every slice and column it applies to, in a fixed order.

    A check that cannot be computed gives a finding that says why; it never stops the others.
    ``learnt`` remembers the limits that follow from the reference, for the next window under the
    same rules and reference.
    """
    found: list[Finding] = []
    learnt = {} if learnt is None else learnt
    for place in sorted(current):
        early = _too_early(target, current[place].log)
        subjects = _subjects(plan, place, reference.get(place), current[place])
        done: dict[tuple[int, int], Finding] = {}
        for turn, subject in enumerate(subjects):
            unlabelled = _unlabelled(target, current[place].log, subject)
            # All rules on one column before the next: what they need of it is partly the same.
            for number, rule in enumerate(rules):
                if not subject.fits(rule):
                    continue
                key = (place, number, subject.column, subject.kind)
                judged, stat, limit = (
                    _measure(rule, subject, early, learnt, key)
                    if unlabelled is None
                    else (judge_missing(unlabelled), None, None)
                )
                done[number, turn] = Finding(
                    target.model,
                    place,
                    rule.check.name,
                    subject.column,
                    target.window,
                    target.revision,
                    stat,
                    judged.threshold,
                    limit.rule if limit and judged.threshold is not None else "",
                    judged.verdict,
                    judged.reason,
                    rule.check.cause or subject.cause,
                )
        found += [done[key] for key in sorted(done)]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a check may measure: a profile of the window and its counterpart in the reference.

    Either is None where nothing is kept. ``kind`` is their type, ``column`` empty for what is not
    one, ``cause`` that of its findings unless the check names one. ``n`` and ``n_reference`` are
    their values, None where a profile does not count them.
    """

    column: str
    kind: type
    current: object
    reference: object
    cause: str
    n: int | None
    n_reference: int | None

    @classmethod
    def of(
        cls, current: object, reference: object, kind: type, column: str = "", role: str = "feature"
    ) -> _Subject:
        counts = getattr(current, "n", None), getattr(reference, "n", None)
        return cls(column, kind, current, reference, _ROLE_CAUSES[role], *counts)

    def fits(self, rule: Rule) -> bool:
        asked = rule.columns is None or not self.column or self.column in rule.columns
        return asked and issubclass(self.kind, rule.check.takes)


def _subjects(plan: Plan, place: Slice, then: Portrait | None, now: Portrait) -> Iterator[_Subject]:
    """The columns of a portrait, its outcome and, of all rows, its log and what spans columns."""
    for column, profile in now.columns.items():
        before = None if then is None else then.columns[column]
        yield _Subject.of(profile, before, type(profile), column, plan.role(column))
    if now.outcome is not None:
        yield _Subject.of(now.outcome, None if then is None else then.outcome, type(now.outcome))
    if place == WHOLE:
        yield _Subject.of(now.log, None if then is None else then.log, LogProfile)
        for kind in KINDS:
            yield _Subject.of(_spanning(now, kind), _spanning(then, kind), kind)


def _spanning(portrait: Portrait | None, kind: type) -> object:
    """What is kept of several columns; None where the baseline found nothing to keep."""
    if portrait is None or portrait.multivariate is None:
        return None
    return portrait.multivariate.part(kind)


def _measure(
    rule: Rule, subject: _Subject, early: NotEnoughData | None, learnt: Learnt, key: Key
) -> tuple[Judgement, Stat | None, Limit | None]:
    if subject.current is None:
        lacking = NotEnoughData("nothing is kept of several columns together")
        return judge_missing(lacking), None, None
    if subject.reference is None:
        lacking = NotEnoughData("the reference has none of these rows")
        return judge_missing(lacking), None, None
    try:
        limit = rule.limit or learnt.get(key)
        if limit is None:
            limit = learnt[key] = _learnt(rule, subject.reference)
        stat = rule.check.compute(subject.reference, subject.current, **rule.parameters)
    except NotEnoughData as shortage:
        return judge_missing(shortage), shortage.stat, None
    except Exception as error:
        reason = f"{rule.check.name} failed: {type(error).__name__}: {error}"[:300]
        return Judgement(Verdict.ERROR, None, reason), None, None
    if any(map(math.isnan, filter(None, _numbers(stat)))):
        reason = f"{rule.check.name} gave NaN, which is no number"
        return Judgement(Verdict.ERROR, None, reason), None, None
    short = (
        _too_few(rule, stat.n_current if subject.n is None else subject.n)
        or _too_few(rule, subject.n_reference, " in the reference")
        or (early if _is_of_labels(rule.check) else None)
    )
    if short is not None:
        return judge_missing(short), stat, limit
    return judge(stat, limit, rule.check.unit), stat, limit


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


def _too_few(rule: Rule, have: int | None, whose: str = "") -> NotEnoughData | None:
    need = rule.check.minimum if rule.min_rows is None else rule.min_rows
    if have is None or have >= need:
        return None
    return NotEnoughData(f"{have} values{whose}, {need} needed", max(have, 1), need)


def _unlabelled(target: Target, log: LogProfile, subject: _Subject) -> NotEnoughData | None:
    """Where rows have no labels at all, that is what is to be said of the column of labels."""
    rows: int | None = getattr(subject.current, "rows", None)
    if subject.cause != _ROLE_CAUSES["label"] or rows or not log.rows:
        return None
    return NotEnoughData("no labels" if target.state is State.FINAL else "no labels yet")


def _is_of_labels(check: Check) -> bool:
    """Whether a check holds predictions against labels; one of scores estimates that without."""
    return check.cause == "performance" and check.needs != "score"


def _too_early(target: Target, log: LogProfile) -> NotEnoughData | None:
    """Labels that come early are not like the others: wait for half of them before judging."""
    if target.state is State.FINAL or log.labels >= JUDGED_FROM * log.rows:
        return None
    share = f"{log.labels / log.rows:.0%}" if log.rows else "none"
    reason = f"labels of {share} of the rows have come; judged from {JUDGED_FROM:.0%}"
    return NotEnoughData(reason, have=max(log.labels, 1), need=int(JUDGED_FROM * log.rows))
