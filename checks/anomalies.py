"""Anomalies: ids, labels and times in the log that cannot be right, each as a share of its rows."""

from __future__ import annotations

from functools import partial

from checks.check import NotEnoughData, Stat, check
from checks.intervals import counted, proven
from checks.log import DATED, STRANGE_LABELS, Anomaly, LogProfile

WARNING, CRITICAL = 0.001, 0.05
"""One row in a thousand warns, one in twenty is critical: beyond the share of the reference."""

_rule = partial(check, LogProfile, slack=(WARNING, CRITICAL), unit="ratio")

# The reference is read from the same log, and these rows lie in no part of it.
_placeless = partial(check, LogProfile, warning=WARNING, critical=CRITICAL, unit="ratio")


@_rule(cause="schema", needs="id")
def duplicate_ids(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of rows left out because a later row has the same id: dropped / (dropped + kept).

    The latest row of an id counts. Replays and retries that write twice look like this.

    >>> log = LogProfile.of_window(90, 0, 1, 2, anomalies={"duplicate_ids": Anomaly(10, "a17")})
    >>> duplicate_ids.compute(log, log).value, duplicate_ids.compute(log, log).where
    (0.1, "10 of 100 rows, such as 'a17'")
    """
    return _beside(reference, current, "duplicate_ids")


@_rule(cause="schema", needs="id")
def conflicting_ids(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of rows left out that contradict the row of the same id which counts.

    The latest row of an id counts; here another told a different prediction or score:
    contradicting / (contradicting + kept).

    >>> log = LogProfile.of_window(90, 0, 1, 2, anomalies={"conflicting_ids": Anomaly(10)})
    >>> conflicting_ids.compute(log, log).value
    0.1
    """
    return _beside(reference, current, "conflicting_ids")


@_placeless(cause="schema")
def future_rows(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of rows dated in the future: future / (future + rows of the window).

    They belong to no window and are counted with the newest: a clock is wrong, or a unit.

    >>> log = LogProfile.of_window(80, 0, 1, 2, anomalies={"future_rows": Anomaly(20)})
    >>> future_rows.compute(log, log).value
    0.2
    """
    return _beside(reference, current, "future_rows")


@_placeless(cause="schema")
def untimed_rows(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of rows without a time that can be read: untimed / (untimed + rows of the window).

    They belong to no window and are counted with the newest.

    >>> log = LogProfile.of_window(80, 0, 1, 2, anomalies={"untimed_rows": Anomaly(20)})
    >>> untimed_rows.compute(log, log).value
    0.2
    """
    return _beside(reference, current, "untimed_rows")


@_rule(cause="schema")
def timestamp_unit(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of rows whose timestamp is in another unit than the reference's: converted / rows.

    They are converted and counted where they belong, but somebody changed seconds to milliseconds
    or back.

    >>> log = LogProfile.of_window(80, 0, 1, 2, anomalies={"timestamp_unit": Anomaly(80)})
    >>> timestamp_unit.compute(log, log).value
    1.0
    """
    return _within(reference, current, "timestamp_unit")


@_rule(cause="schema", needs="prediction")
def unknown_predictions(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of rows whose predicted class is none of the two known: unknown / rows.

    They count neither as right nor as wrong.

    >>> log = LogProfile.of_window(80, 0, 1, 2, anomalies={"unknown_predictions": Anomaly(8)})
    >>> unknown_predictions.compute(log, log).value
    0.1
    """
    return _within(reference, current, "unknown_predictions")


@_rule(cause="labels", needs="label")
def unknown_labels(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of labels that are none of the known classes, or no number: unknown / all labels.

    They count as not known, so that a change of spelling is told as such and not as an error rate;
    of several classes they count as a class of their own.

    >>> log = LogProfile.of_window(80, 0, 1, 2, labels=0, anomalies={"unknown_labels": Anomaly(7)})
    >>> unknown_labels.compute(log, log).value
    1.0
    >>> among = {"strange_labels": Anomaly(7)}
    >>> several = LogProfile.of_window(80, 0, 1, 2, labels=70, anomalies=among)
    >>> unknown_labels.compute(several, several).value
    0.1
    """
    if STRANGE_LABELS in current.anomalies:
        return _share(reference, current, STRANGE_LABELS, current.labels, "labels")
    beside = current.labels + _found(current, "unknown_labels").count
    return _share(reference, current, "unknown_labels", beside, "labels")


@_rule(cause="labels", needs="label_timestamp")
def early_labels(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of labels that are older than their prediction: early / known labels.

    The truth was known before it was predicted: it leaks, or a clock is wrong. The labels count
    all the same.

    >>> log = LogProfile.of_window(80, 0, 1, 2, labels=60, anomalies={"early_labels": Anomaly(30)})
    >>> early_labels.compute(log, log).value
    0.5
    """
    return _share(reference, current, "early_labels", current.labels, "labels")


@_rule(cause="labels", needs="label_timestamp", default=False)
def orphan_labels(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of labels without a prediction: orphans / labels that came in the window.

    For labels that lie in a table or in files of their own, with the time of each: predictions were
    lost, or the two sides write ids in different ways. A label whose prediction lies in an earlier
    window is no orphan. Asked for, it costs a look for the ids of the labels in all of the log.

    >>> found = {"dated_labels": Anomaly(40), "orphan_labels": Anomaly(10, "a17")}
    >>> log = LogProfile.of_window(80, 0, 1, 2, labels=60, anomalies=found)
    >>> orphan_labels.compute(log, log).value, orphan_labels.compute(log, log).where
    (0.25, "10 of 40 labels, such as 'a17'")
    """
    dated = _found(current, DATED).count
    if not dated:
        raise NotEnoughData(
            "no labels with a time of arrival in this window, in a table or files of their own",
            among=current.rows,
        )
    return _share(reference, current, "orphan_labels", dated, "labels")


@_rule(cause="labels", needs="label")
def conflicting_labels(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of labels that contradict an earlier one of the same id: contradicting / known labels.

    The label that came last counts.

    >>> found = {"conflicting_labels": Anomaly(2)}
    >>> log = LogProfile.of_window(9, 0, 1, 2, labels=8, anomalies=found)
    >>> conflicting_labels.compute(log, log).value
    0.25
    """
    return _share(reference, current, "conflicting_labels", current.labels, "labels")


@_rule(cause="volume", needs="shape")
def failed_requests(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of requests that the server did not answer with predictions: failed / (failed + rows).

    For logs whose records are requests, with their status or an error. A failed request counts as
    one row, however many it asked for.

    >>> log = LogProfile.of_window(80, 0, 1, 2, anomalies={"failed_requests": Anomaly(20)})
    >>> failed_requests.compute(log, log).value
    0.2
    """
    return _beside(reference, current, "failed_requests")


@_rule(cause="schema", needs="shape")
def unpaired_requests(reference: LogProfile, current: LogProfile) -> Stat:
    """Share of requests without an answer in the log, or answers without a request: left out.

    unpaired / (unpaired + rows). For logs whose records are requests and answers: a logger that
    loses some, or the log of one of the two parts is late.

    >>> log = LogProfile.of_window(80, 0, 1, 2, anomalies={"unpaired_requests": Anomaly(20)})
    >>> unpaired_requests.compute(log, log).value
    0.2
    """
    return _beside(reference, current, "unpaired_requests")


def _found(log: LogProfile, name: str) -> Anomaly:
    return log.anomalies.get(name, Anomaly(0))


def _beside(reference: LogProfile, current: LogProfile, name: str) -> Stat:
    """A rule broken by rows that are not among the rows of the profile."""
    return _share(reference, current, name, current.rows + _found(current, name).count)


def _within(reference: LogProfile, current: LogProfile, name: str) -> Stat:
    """A rule broken by some of the rows of the profile."""
    return _share(reference, current, name, current.rows)


def _share(
    reference: LogProfile, current: LogProfile, name: str, among: int, what: str = "rows"
) -> Stat:
    found = _found(current, name)
    n = max(among, found.count)
    if not n and not current.rows:
        raise NotEnoughData("no rows")
    where = counted(found.count, n, what, found.example)
    return proven(found.count, n, n_reference=reference.rows, where=where)
