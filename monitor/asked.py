"""What a model's table asks for: checks, conditions on rows, and what its features weigh."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

from checks.check import Check, catalogue, kind_of
from checks.embedding import EmbeddingProfile
from checks.profile import CategoricalProfile, NumericProfile
from checks.rules import row_rule
from checks.strata import Strata
from checks.verdict import Limit
from monitor.binding import Problems, Table, bind
from monitor.evaluate import Rule
from monitor.expression import BadExpression, columns_in
from monitor.hints import suggest
from monitor.limits import impossible, lacking
from monitor.sources import Columns
from monitor.sources._parts import made_of
from monitor.tasks import OUTCOMES, fits

_ROW_KEYS: Mapping[str, Any] = {"warning": float, "critical": float, "min_rows": int}
_KEYS: Mapping[str, Any] = {**_ROW_KEYS, "columns": tuple[str, ...], "name": str}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_ROLES = {each.name for each in fields(Columns)}
_OF_COLUMNS = {NumericProfile, CategoricalProfile, EmbeddingProfile, Strata}
_APART = 'give one a name, such as name = "strict"'


@dataclass(frozen=True, slots=True)
class Asked:
    """The checks and rules of one model's table; ``columns`` is None where they cannot be read."""

    place: str
    table: Table
    columns: Columns | None
    problems: Problems
    folder: Path

    def rules(self) -> tuple[Rule, ...]:
        """One rule for each check that is asked for or runs by default, and for each condition."""
        rules = (*self._weighted(self._of_checks()), *self._row_rules())
        self._known_columns(rules)
        return rules

    def _of_checks(self) -> Iterator[Rule]:
        table = self.table.get("checks", {})
        place = f"{self.place}.checks"
        if not isinstance(table, Mapping):
            self.problems.add(place, "must be a table")
            return
        known = catalogue()
        for name in table.keys() - known.keys():
            self.problems.add(f"{place}.{name}", f"unknown check; {suggest(name, known)}")
        for name, check in known.items():
            asked = table.get(name, check.default and not self._lacks(check.needs))
            if name in table and asked is not False and not fits(check, self._task):
                self.problems.add(f"{place}.{name}", _unfit(check, self._task))
            elif isinstance(asked, Mapping):
                yield from self._settings(check, [asked], f"{place}.{name}")
            elif isinstance(asked, list) and all(isinstance(each, Mapping) for each in asked):
                yield from self._settings(check, asked, f"{place}.{name}")
            elif not isinstance(asked, bool):
                said = "must be true, false, a table or a list of tables"
                self.problems.add(f"{place}.{name}", said)
            elif asked:
                self._complete(check, {}, f"{place}.{name}")
                if name in table:
                    self._tell_lack(check, f"{place}.{name}")
                yield Rule(check)

    def _settings(self, check: Check, tables: Sequence[Table], place: str) -> Sequence[Rule]:
        """A rule for each table of settings of one check, told apart by name or columns."""
        several = len(tables) > 1
        read: dict[str, list[Rule]] = defaultdict(list)
        if not tables:
            self.problems.add(place, "is an empty list; write false to leave the check out")
        for turn, table in enumerate(tables):
            rule = self._rule(Rule(check), table, f"{place}[{turn}]" if several else place)
            if rule is not None:
                read[rule.check.name].append(rule)
        return [rule for same in read.values() for rule in self._shared_out(same, place)]

    def _shared_out(self, rules: Sequence[Rule], place: str) -> Iterator[Rule]:
        """The columns of rules of one name: those none lists are left to the one without a list."""
        listed = [name for rule in rules for name in set(rule.columns or ())]
        twice = sorted({name for name in listed if listed.count(name) > 1})
        own = rules[0].check.name.partition(".")[2]
        way = f"the name {own!r} is used twice" if own else _APART
        if twice:
            self.problems.add(place, f"{twice[0]!r} is in two lists of columns; {way}")
        if sum(rule.columns is None for rule in rules) > 1:
            self.problems.add(place, f"two of its tables are about the same; {way}")
        for rule in rules:
            yield replace(rule, others=tuple(listed)) if rule.columns is None else rule

    @property
    def _task(self) -> str:
        return str(self.table.get("task", "none"))

    def _weighted(self, rules: Iterable[Rule]) -> Iterator[Rule]:
        """The rules with what the model says of the importance of its features."""
        importance = self._importance()
        key = "importance"
        for rule in rules:
            given = rule.parameters
            if importance and key in rule.check.parameters and key not in given:
                given = {**given, key: json.dumps(importance, sort_keys=True)}
            yield replace(rule, parameters=given, importance=importance)

    def _importance(self) -> dict[str, float]:
        """How much each feature matters, as the table of that name says."""
        place, table = f"{self.place}.importance", self.table.get("importance", {})
        if not isinstance(table, Mapping):
            self.problems.add(place, "must be a table of features, such as age = 0.4")
            return {}
        for name, each in table.items():
            number = isinstance(each, int | float) and not isinstance(each, bool)
            if not number or not 0.0 <= each < math.inf:
                self.problems.add(f"{place}.{name}", "must be a number, 0 or above")
        return {name: each for name, each in table.items() if isinstance(each, int | float)}

    def _lacks(self, part: str) -> bool:
        """Whether a part of a log that a check is about is neither a column nor of the source."""
        if part == "clusters":
            return self._task != "clustering"
        if not part or self.columns is None:
            return False
        source = self.table.get("source")
        of_source = source.get(part) if isinstance(source, Mapping) else None
        return not getattr(self.columns, part, of_source)

    def _known_columns(self, rules: Iterable[Rule]) -> None:
        """Where the features are listed, a rule cannot be about another column."""
        columns = self.columns
        if columns is None or columns.numeric is None or columns.categorical is None:
            return
        roles = (columns.prediction, columns.score, columns.label)
        made = (*made_of(columns), *columns.embeddings)
        known = [*columns.numeric, *columns.categorical, *filter(None, roles), *made]
        for rule in rules:
            for name in set(rule.columns or ()) - set(known):
                place = f"{self.place}.checks.{rule.check.name}.columns"
                self.problems.add(place, f"no watched column {name!r}; {suggest(name, known)}")

    def _row_rules(self) -> Iterator[Rule]:
        """The conditions on rows: a table each, with its limits."""
        place, known = f"{self.place}.rules", catalogue()
        tables = self.table.get("rules", {})
        if not isinstance(tables, Mapping):
            self.problems.add(place, "must be a table")
            return
        for name, table in tables.items():
            if kind_of(name) in known:
                self.problems.add(f"{place}.{name}", "is the name of a check; choose another")
            elif not isinstance(table, Mapping) or not table.get("expression"):
                hint = 'write expression = "amount >= 0"'
                self.problems.add(f"{place}.{name}", f"needs a condition on a row; {hint}")
            elif rule := self._rule(Rule(row_rule(name)), table, f"{place}.{name}", _ROW_KEYS):
                self._condition(str(table["expression"]), f"{place}.{name}.expression")
                yield rule

    def _condition(self, text: str, place: str) -> None:
        try:
            names = columns_in(text)
        except BadExpression as error:
            self.problems.add(place, str(error))
            return
        columns = self.columns
        late = {columns.label, columns.label_timestamp} if columns is not None else set()
        for name in sorted(names & late):
            self.problems.add(place, f"{name!r} comes later than its row: a rule cannot look at it")

    def _tell_lack(self, check: Check, place: str) -> None:
        """Note that a check is asked for whose part of the log is not named."""
        if check.needs in _ROLES and self._lacks(check.needs):
            self.problems.note(place, f"will not be judged: columns.{check.needs} is not named")

    def _complete(self, check: Check, given: Mapping[str, Any], place: str) -> None:
        """Say which settings a check lacks to measure anything."""
        if missing := lacking(check, given):
            example = f"{check.name} = {{ {', '.join(missing.values())} }}"
            self.problems.add(place, f"needs {' and '.join(missing)}; write {example}")

    def _rule(
        self, rule: Rule, table: Table, place: str, common: Mapping[str, Any] = _KEYS
    ) -> Rule | None:
        check = rule.check
        shape = _record({**common, **{k: check.types[k] for k in check.parameters}})
        read = bind(shape, table, place, self.problems, self.folder)
        if read is None:
            return None
        given = {key: getattr(read, key) for key in table}
        limit = None
        if "warning" in given or "critical" in given:
            limit = Limit(given.get("warning"), given.get("critical"), check.direction, "config")
        parameters = {k: v for k, v in given.items() if k in check.parameters}
        self._complete(check, parameters, place)
        self._tell_lack(check, place)
        for key, said in impossible(check, limit, parameters):
            self.problems.add(f"{place}.{key}", said)
        if given.get("min_rows", 0) < 0:
            self.problems.add(f"{place}.min_rows", "must not be negative")
        if "columns" in given and not set(check.takes) & _OF_COLUMNS:
            self.problems.add(f"{place}.columns", f"{check.name} is about no single column")
        if "name" in given:
            check = self._named(check, given["name"], f"{place}.name")
        return replace(
            rule,
            check=check,
            parameters=parameters,
            limit=limit,
            columns=given.get("columns"),
            min_rows=given.get("min_rows", check.minimum),
        )

    def _named(self, check: Check, name: str, place: str) -> Check:
        """A check under a name of its own, so that it may be asked for more than once."""
        if not _NAME.fullmatch(name):
            self.problems.add(place, f"{name!r} is no name; use letters, digits, - and _")
        return replace(check, name=f"{check.name}.{name}")


def _unfit(check: Check, task: str) -> str:
    """Why a check of outcomes cannot be meant for a task, and the way out."""
    fitting = [name for name, kind in OUTCOMES.items() if issubclass(kind, check.takes)]
    said = f'is about the outcome of a {" or ".join(fitting)} model, and the task is "{task}"'
    if task in OUTCOMES:
        return f"{said}; `modelmon checks --for {task}` lists what fits it"
    return f'{said}, which has no outcome; write task = "{fitting[0]}" or leave the check out'


def _record(shape: Mapping[str, Any]) -> type[Any]:
    """A dataclass with optional fields of the given types."""
    return make_dataclass(
        "Rule", [(name, hint, field(default=None)) for name, hint in shape.items()]
    )
