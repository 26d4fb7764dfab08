"""What a database counts of a log and of its columns, added to a tally."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import ColumnElement, func

from checks.plan import NumericPlan
from monitor.sources._columns import Levels
from monitor.sources._needs import Need, Needs
from monitor.sources._sql.dialects import Dialect
from monitor.sources._sql.frame import AT, Frame, Request
from monitor.sources._sql.grid import Gridded, gridded
from monitor.sources._sql.groups import Cut, Grouping
from monitor.sources._sql.numbers import LOOK, Gauge, has_cells
from monitor.sources._sql.sweeping import Part, parts
from monitor.sources._tally import Tally, sliced
from monitor.windows import Window


@dataclass(frozen=True, slots=True, eq=False)
class Counting:
    """One way to part the rows of some windows; ``first`` is the place of the first of these."""

    frame: Frame
    asked: Request
    needs: Needs
    facts: Dialect
    tally: Tally
    windows: Sequence[Window]
    first: int
    cut: Cut
    size: int

    @classmethod
    def of(
        cls,
        frame: Frame,
        asked: Request,
        tally: Tally,
        windows: Sequence[Window],
        first: int,
        cut: Cut,
        size: int,
    ) -> Counting:
        needs, facts = Needs.of(asked.plan, asked.columns), frame.log.dialect
        if facts is None:
            raise TypeError("a frame is of a database of a known kind")
        return cls(frame, asked, needs, facts, tally, windows, first, cut, size)

    def run(self) -> None:
        self._facts()
        on_grid: dict[str, NumericPlan] = {}
        by_cells: list[str] = []
        for name, need in self.needs.watched.items():
            plan = self.asked.plan.columns[name]
            if name not in self.frame.cells:
                continue
            if isinstance(plan, NumericPlan) and not plan.exact and self.has_cells(need):
                on_grid[name] = plan
            else:
                by_cells.append(name)
        size = self.facts.together if len(self.windows) == 1 else 1
        for first in range(0, len(on_grid), size):
            self._gauge(dict([*on_grid.items()][first : first + size]))
        for first in range(0, len(by_cells), size):
            self._count_each(by_cells[first : first + size])

    def grouping(self, names: Sequence[str]) -> Grouping:
        rows = self.frame.counted(self.windows, self.kept(names), first=self.first)
        only = self.first if len(self.windows) == 1 else None
        return Grouping(self.frame, self.asked.plan, self.needs, rows, self.cut, self.size, only)

    def kept(self, names: Sequence[str]) -> list[str]:
        return list(dict.fromkeys((*self.cut.segments, *names)))

    def there(self, *needs: Need | None) -> list[str]:
        """The names of those columns that the log has."""
        return [need.name for need in needs if need is not None and need.name in self.frame.cells]

    def has_cells(self, need: Need | None) -> bool:
        if need is None or not need.numeric or need.name not in self.frame.cells:
            return False
        return has_cells(self.frame.kind(need.name), self.facts)

    # The log itself.

    def _facts(self) -> None:
        """Rows, their first and last times and their versions."""
        version, clock = self.needs.version, self.frame.clock
        names = self.there(version)
        grouping = self.grouping(names)
        at = [] if clock is None else [grouping.rows.c[AT]]
        ends = [end(each) for each in at for end in (func.min, func.max)]
        absent = [name for name in self.needs.watched if name not in self.frame.cells]
        for block in grouping.blocks(names, *ends):
            times = [] if clock is None else [clock.read(each) for each in block.more]
            told = None if version is None else block.read(version)
            for place, chosen in block.places:
                rows = block.rows[chosen]
                versions = told.at(chosen).counts(rows) if isinstance(told, Levels) else {}
                outermost = np.array([end for each in times for end in each[chosen]], np.int64)
                self.tally.add_facts(place, int(rows.sum()), outermost, versions=versions)
            for name in absent:
                column = self.needs.watched[name].absent(len(block))
                self.tally.count(name, column, block.places, block.rows)

    # Columns.

    def _count(
        self, need: Need, grouping: Grouping, where: ColumnElement[bool] | None = None
    ) -> None:
        """Count a column by its cells."""
        for block in grouping.blocks([need.name], where=where):
            self.tally.count(need.name, block.read(need), block.places, block.rows)

    def _count_each(self, names: Sequence[str]) -> None:
        """Count columns by their cells, together where that can be."""
        grouping = self.grouping(names)
        apart = [n for n in names if n in self.cut.segments or not grouping.groupable(n)]
        shared = [name for name in names if name not in apart]
        if len(shared) < 2:
            apart, shared = [*names], []
        for name in apart:
            self._count(self.needs.watched[name], self.grouping([name]))
        if shared:
            for name, block in grouping.each(shared):
                column = block.read(self.needs.watched[name])
                self.tally.count(name, column, block.places, block.rows)

    def _gauge(self, plans: Mapping[str, NumericPlan]) -> None:
        """Count columns on the grid, and one by one what the grid does not hold."""
        cells = self.gridded(plans, [], list(plans))
        gauges = [Gauge.of(name, plan, cells, self.facts) for name, plan in plans.items()]
        grouping, odd = self.grouping([]).of(cells.rows), set[str]()
        for part in parts(grouping, gauges):
            self._add(part)
            odd |= {part.gauge.name} if part.odd else set()
        for gauge in gauges:
            if gauge.name in odd:
                self._count(self.needs.watched[gauge.name], grouping, gauge.key.in_(LOOK))

    def _add(self, part: Part) -> None:
        name, plan = part.gauge.name, part.gauge.plan
        nulls = self.asked.plan.role(name) != "label"
        for place, chosen in part.block.places:
            profile = part.profile(chosen, sliced(plan, place[1]), nulls=nulls)
            self.tally.add_profile(place, name, profile)

    def gridded(
        self, numeric: Mapping[str, NumericPlan], scored: Sequence[str], names: Sequence[str]
    ) -> Gridded:
        """The rows on the grid, which keep these columns too."""
        rows = self.grouping([*names, *numeric, *scored]).rows
        types = {name: self.frame.kind(name) for name in (*numeric, *scored)}
        kept = self.grouping([]).columns(names)
        return gridded(rows, numeric, scored, kept, self.frame.log.session.dialect, types)
