"""Row rules counted by a database."""

from __future__ import annotations

import numpy as np
from sqlalchemy import ColumnElement, case, func, not_

from checks.log import Anomaly
from checks.rules import broken_name, unknown_name
from monitor.expression import parse
from monitor.findings import WHOLE
from monitor.sources._row_rules import looked_at
from monitor.sources._sql.conditions import Writer
from monitor.sources._sql.counting import Counting
from monitor.sources._sql.groups import Grouping


def rule(counting: Counting) -> None:
    """Count the rows that break each rule, and those of which it cannot be told."""
    plan, frame = counting.asked.plan, counting.frame
    if not plan.rules or not counting.cut.whole:
        return
    names = [name for name in looked_at(plan) if name in frame.cells]
    grouping = counting.grouping(names)
    cells = {name: grouping.rows.c[name] for name in names}
    kinds = {name: frame.kind(name) for name in names}
    writer = Writer(cells, kinds, counting.facts, frame.log.session.dialect)
    for name, text in plan.rules.items():
        kept = writer.condition(parse(text))
        _count(counting, grouping, broken_name(name), not_(kept))
        _count(counting, grouping, unknown_name(name), kept.is_(None))


def _count(counting: Counting, grouping: Grouping, name: str, chosen: ColumnElement[bool]) -> None:
    for block in grouping.blocks([], func.sum(case((chosen, 1), else_=0))):
        for place, groups in block.places:
            rows = int(np.array(block.more[0], np.int64)[groups].sum())
            if place[1] == WHOLE and rows:
                counting.tally.report(place[0], name, Anomaly(rows))
