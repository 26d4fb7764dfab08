"""What a database counts of predictions and their truth, added to a tally."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import ColumnElement, func

from checks.log import Anomaly
from checks.plan import BinaryPlan, MulticlassPlan, NumericPlan, RegressionPlan
from monitor.sources._arrow import Bools, mask, short_texts
from monitor.sources._needs import Need
from monitor.sources._outcomes import classes, judged, numbered, strange_labels, strangers
from monitor.sources._sql import errors, scores
from monitor.sources._sql.counting import Counting
from monitor.sources._sql.groups import Block, Grouping
from monitor.sources._tally import Tally


def judge(counting: Counting) -> None:
    """Count labels, and predictions against them."""
    needs, plan = counting.needs, counting.asked.plan.outcome
    if plan is None and needs.label is None:
        return
    parts = [each for each in (needs.prediction, needs.label) if each is not None]
    numbers = len(parts) > 1 and all(map(counting.has_cells, parts))
    if isinstance(plan, BinaryPlan) and counting.has_cells(needs.score):
        _score(counting, plan, str(counting.asked.columns.score))
    elif isinstance(plan, MulticlassPlan) and counting.has_cells(needs.score):
        _promise(counting, plan, str(counting.asked.columns.score))
    elif isinstance(plan, RegressionPlan) and numbers:
        _sum_errors(counting, plan, *parts)
    else:
        names = _names(counting)
        _judge_cells(counting, counting.grouping(names), names)


def _names(counting: Counting) -> list[str]:
    needs = counting.needs
    return counting.there(needs.prediction, needs.score, needs.label)


def _judge_cells(
    counting: Counting,
    grouping: Grouping,
    names: Sequence[str],
    where: ColumnElement[bool] | None = None,
) -> None:
    """By the cells of all columns: labels are few, and so are scores that are no numbers."""
    needs, tally = counting.needs, counting.tally
    parts = (needs.prediction, needs.score, needs.label)
    for block in grouping.blocks(names, where=where):
        columns = (None if need is None else block.read(need) for need in parts)
        found = judged(counting.asked.plan.outcome, len(block), *columns)
        for place, chosen in block.places:
            rows = block.rows[chosen]
            tally.add_facts(place, labels=int(rows[found.labelled[chosen]].sum()))
            tally.add_outcome(place, found.outcome(chosen, rows))
        _report(counting, block)


def _score(counting: Counting, plan: BinaryPlan, score: str) -> None:
    """By the cells of the score, the predicted class and the label."""
    needs, dialect = counting.needs, counting.frame.log.session.dialect
    names = counting.there(needs.prediction, needs.label)
    cells = counting.gridded({}, [score], names)
    grouping = counting.grouping([]).of(cells.rows)
    sums = scores.sums(score, cells, dialect)
    for block in grouping.blocks(names, *sums, by=scores.keys(score, plan, cells, dialect)):
        label = None if needs.label is None else block.read(needs.label)
        told = None if needs.prediction is None else block.read(needs.prediction)
        nothing = np.zeros(len(block), np.bool_)
        found = scores.Scored.of(
            plan,
            block.rows,
            classes(plan, told, len(block)),
            classes(plan, label, len(block)),
            nothing if label is None else strangers(plan, label),
            block.more,
        )
        for place, chosen in block.places:
            labels = int(block.rows[chosen][found.labelled[chosen]].sum())
            counting.tally.add_facts(place, labels=labels)
            counting.tally.add_outcome(place, found.outcome(chosen))
        _report(counting, block)


def _promise(counting: Counting, plan: MulticlassPlan, score: str) -> None:
    """By the cell and the bin of the score, the predicted class and the label."""
    needs, dialect = counting.needs, counting.frame.log.session.dialect
    names = counting.there(needs.prediction, needs.label)
    cells = counting.gridded({}, [score], names)
    grouping = counting.grouping([]).of(cells.rows)
    total = func.sum(cells.valid[score])
    for block in grouping.blocks(names, total, by=scores.bins(score, cells, dialect)):
        told, truth = (
            None if need is None else block.read(need) for need in (needs.prediction, needs.label)
        )
        classed = numbered(plan, told, truth, len(block))
        found = scores.Promised.of(plan, block.rows, *classed, block.more)
        for place, chosen in block.places:
            labels = int(block.rows[chosen][found.labelled[chosen]].sum())
            counting.tally.add_facts(place, labels=labels)
            counting.tally.add_outcome(place, found.outcome(chosen))
        _report(counting, block)


def _sum_errors(counting: Counting, plan: RegressionPlan, prediction: Need, label: Need) -> None:
    """By the sums of the errors; rows whose sums may overflow by their cells."""
    names = [prediction.name, label.name]
    about = NumericPlan(plan.centre)
    cells = counting.gridded(dict.fromkeys(names, about), [], names)
    rows, dialect = counting.grouping([]).of(cells.rows), counting.frame.log.session.dialect
    asked = errors.Errors.of(prediction.name, label.name, cells, rows.columns(names), dialect)
    grouping, irregular = rows.of(asked.rows), False
    for block in grouping.blocks([], *asked.more, by=asked.by):
        found = errors.Erred.of(asked, block)
        irregular |= bool(found.irregular.any())
        for place, chosen in block.places:
            kept = np.arange(len(block))[chosen]
            kept = kept[~found.irregular[kept]]
            counting.tally.add_facts(place, labels=int(found.labelled[kept].sum()))
            counting.tally.add_outcome(place, found.outcome(plan, kept))
    if irregular:
        _judge_cells(counting, grouping, names, asked.state == errors.IRREGULAR)


def _report(counting: Counting, block: Block) -> None:
    """Predictions and labels that the task does not know."""
    if not counting.cut.whole:
        return
    for name, need in (
        ("unknown_predictions", counting.needs.prediction),
        (strange_labels(counting.asked.plan.outcome), counting.needs.label),
    ):
        if need is not None and need.name in block.cells:
            strange = strangers(counting.asked.plan.outcome, block.read(need))
            _book(counting.tally, name, block, need.name, strange)


def _book(tally: Tally, name: str, block: Block, column: str, chosen: Bools) -> None:
    """Count the rows of the chosen groups, with the first of their cells in order."""
    for window in np.unique(block.windows[chosen]).tolist():
        here = chosen & (block.windows == window)
        texts = short_texts(block.cells[column].filter(mask(here)))
        met = Anomaly(int(block.rows[here].sum()), min(texts, default=""))
        tally.report(window, name, met)
