"""Evaluation: rules and two portraits become findings; a pure function."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter

from checks.check import Check, NotEnoughData, Parameter, Stat
from checks.delays import Delays
from checks.embedding import EmbeddingProfile
from checks.joint import KINDS
from checks.log import ORPHANS, LogProfile
from checks.plan import Plan
from checks.portrait import Portrait
from checks.strata import Lossy, Strata
from checks.verdict import Judgement, Limit, Verdict, default_limit, judge, judge_missing
from monitor.findings import WHOLE, Finding, Slice
from monitor.windows import State, Window

JUDGED_FROM = 0.5
"""Share of rows with labels from which a window that still waits for more is judged."""

_NOT_KEPT = "nothing is kept of several columns together"
_NOT_DATED = "when labels came is not kept: columns.label_timestamp says it, of the reference too"
_NOT_SPLIT = "needs labels, and a column in segments by whose values rows are split"

_NOT_WATCHED = "no column of this name is watched"
_NO_REFERENCE = "the reference has none of these rows"
_LACKING: Mapping[type, str] = {Strata: _NOT_SPLIT, Delays: _NOT_DATED}

_LABELLESS = ("score", "prediction", "label_timestamp")
"""Needs of checks of performance that estimate it, or that mind the age of labels."""

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
    the check can measure but ``others``, ``min_rows`` None the check's own minimum. ``importance``
    tells how much features matter, in any unit (empty: all the same).
    """

    check: Check
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    limit: Limit | None = None
    columns: tuple[str, ...] | None = None
    min_rows: int | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    def weight(self, column: str) -> float:
        """How much a column matters, from 0 to 1; 1 where nothing is told."""
        most = max(self.importance.values(), default=0.0)
        return self.importance.get(column, 0.0) / most if column and most else 1.0


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

Early = Mapping[str, NotEnoughData]
"""Why checks that wait for labels are not judged yet, by what they wait for."""

Learnt = dict[Key, Limit]
"""Limits that follow from a reference."""


def kinds_of(rules: Iterable[Rule]) -> frozenset[type]:
    """The types of profile that are kept where a rule asks for them."""
    kept = (*KINDS, Delays)
    return frozenset(kind for rule in rules for kind in rule.check.takes if kind in kept)


def row_rules_of(rules: Iterable[Rule]) -> dict[str, str]:
    """The conditions on rows by name, as they were written."""
    said = {rule.check.name: rule.parameters.get("expression") for rule in rules}
    return {name: text for name, text in sorted(said.items()) if isinstance(text, str)}


def wants_orphans(rules: Iterable[Rule]) -> bool:
    """Whether a rule is about labels that no prediction has, which cost a look of their own."""
    return any(rule.check.kind == ORPHANS for rule in rules)


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
    strata = _strata(plan, rules, reference, current)
    for place in sorted(current):
        early = _too_early(target, current[place].log)
        subjects = list(_subjects(plan, place, reference.get(place), current[place]))
        subjects += strata if place == WHOLE else []
        taking = {kind: _taking(kind, rules) for kind in {each.kind for each in subjects}}
        done: dict[tuple[int, int], Finding] = {}
        for turn, subject in enumerate(subjects):
            unlabelled = _unlabelled(target, current[place].log, subject)
            # All rules on one column before the next: what they need of it is partly the same.
            for number, rule in taking[subject.kind]:
                if not subject.asked(rule):
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
                    judged.detectable,
                    rule.weight(subject.column),
                )
        found += [done[key] for key in sorted(done)]
        found += _unmet(target, plan, rules, found) if place == WHOLE else []
    return tuple(found)


def _unmet(
    target: Target, plan: Plan, rules: Iterable[Rule], found: Iterable[Finding]
) -> Iterator[Finding]:
    """Columns that a rule lists and that nothing is measured of: a slip is no silence."""
    met = {(each.check, each.column) for each in found if each.slice == WHOLE}
    for rule in rules:
        for name in dict.fromkeys(rule.columns or ()):
            if (rule.check.name, name) in met:
                continue
            watched = name in plan.columns
            said = f"{rule.check.kind} does not measure such a column" if watched else _NOT_WATCHED
            judged = judge_missing(NotEnoughData(said))
            yield Finding(
                target.model,
                WHOLE,
                rule.check.name,
                name,
                target.window,
                target.revision,
                None,
                judged.threshold,
                "",
                judged.verdict,
                judged.reason,
                rule.check.cause or _ROLE_CAUSES["feature"],
            )


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

    def asked(self, rule: Rule) -> bool:
        if rule.columns is None:
            return self.column not in rule.others
        return self.column in rule.columns


def _taking(kind: type, rules: Sequence[Rule]) -> list[tuple[int, Rule]]:
    """The rules that measure a type of profile, each with its number."""
    return [each for each in enumerate(rules) if issubclass(kind, each[1].check.takes)]


def _subjects(plan: Plan, place: Slice, then: Portrait | None, now: Portrait) -> Iterator[_Subject]:
    """The columns of a portrait, its outcome and, of all rows, its log and what spans columns."""
    for column, profile in now.columns.items():
        before = None if then is None else then.columns[column]
        yield _Subject.of(profile, before, type(profile), column, plan.role(column))
    for column, vectors in now.embeddings.items():
        past = None if then is None else then.embeddings[column]
        yield _Subject.of(vectors, past, EmbeddingProfile, column)
    if now.outcome is not None:
        yield _Subject.of(now.outcome, None if then is None else then.outcome, type(now.outcome))
    if place == WHOLE:
        yield _Subject.of(now.log, None if then is None else then.log, LogProfile)
        for kind in KINDS:
            yield _Subject.of(_spanning(now, kind), _spanning(then, kind), kind)
        yield _Subject.of(now.delays, None if then is None else then.delays, Delays)


def _strata(
    plan: Plan,
    rules: Iterable[Rule],
    reference: Mapping[Slice, Portrait],
    current: Mapping[Slice, Portrait],
) -> list[_Subject]:
    """All rows by each segment column, where a rule asks for that."""
    if not any(Strata in rule.check.takes for rule in rules):
        return []
    sides = [
        {name: _parted(side, name, plan) for name in plan.segments} for side in (reference, current)
    ]
    return [
        _Subject.of(sides[1].get(name), sides[0].get(name), Strata, name)
        for name in plan.segments or ("",)
    ]


def _parted(side: Mapping[Slice, Portrait], name: str, plan: Plan) -> Strata | None:
    """The outcomes of one side by the values of a segment column."""
    whole = side[WHOLE].outcome if WHOLE in side else None
    if not isinstance(whole, Lossy):
        return None
    places = {value: Slice(segment=f"{name}={value}") for value in plan.segments[name]}
    parts = {
        value: outcome
        for value, place in places.items()
        if place in side and isinstance(outcome := side[place].outcome, Lossy)
    }
    return Strata.of(whole, parts) if len(parts) == len(places) else None


def _spanning(portrait: Portrait | None, kind: type) -> object:
    """What is kept of several columns; None where the baseline found nothing to keep."""
    if portrait is None or portrait.multivariate is None:
        return None
    return portrait.multivariate.part(kind)


def _measure(
    rule: Rule, subject: _Subject, early: Early, learnt: Learnt, key: Key
) -> tuple[Judgement, Stat | None, Limit | None]:
    if subject.current is None:
        lacking = NotEnoughData(_LACKING.get(subject.kind, _NOT_KEPT))
        return judge_missing(lacking), None, None
    if subject.reference is None:
        lacking = NotEnoughData(_NOT_DATED if subject.kind is Delays else _NO_REFERENCE)
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
        or early.get(_awaited(rule.check, subject))
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


def _awaited(check: Check, subject: _Subject) -> str:
    """What a check waits for before it is judged: ``half`` of the labels, ``all`` or nothing.

    Which labels come first follows from what they say, so that the shares and the middle of those
    that have come move although nothing has changed.
    """
    of_labels = subject.cause == _ROLE_CAUSES["label"] and not check.cause
    if check.needs == "all labels" or of_labels:
        return "all"
    if check.cause != "performance" or check.needs in _LABELLESS:
        return ""
    return "half"


def _too_early(target: Target, log: LogProfile) -> Early:
    """Labels that come early are not like the others: wait for half of them before judging.

    What an audit finds of early ones says as much of them as of the model: it waits for all.
    """
    if target.state is State.FINAL:
        return {}
    share = f"{log.labels / log.rows:.0%}" if log.rows else "none"
    told = f"labels of {share} of the rows have come"
    some = max(log.labels, 1)
    every = NotEnoughData(f"{told}; judged when no more are waited for", some, log.rows)
    if log.labels >= JUDGED_FROM * log.rows:
        return {"all": every}
    need = int(JUDGED_FROM * log.rows)
    half = NotEnoughData(f"{told}; judged from {JUDGED_FROM:.0%}", have=some, need=need)
    return {"half": half, "all": every}
