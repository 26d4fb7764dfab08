"""A log that falls silent wakes somebody, however quiet it is by nature and wherever it stops."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from checks.verdict import Verdict
from monitor.windows import State
from tests.monitor.small import (
    DAY,
    START,
    at,
    daemon_of,
    day,
    evening,
    findings,
    incident,
    model,
    steady,
    write,
)


def test_a_log_that_stops_between_two_windows_pages_at_the_end_of_the_first_empty_one(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(12)))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        assert not at(daemon, evening(11)).messages
        (message,) = at(daemon, evening(12)).messages
    assert (message.cause, message.severity, message.reason) == ("stale", "critical", "opened")
    assert message.title == "no fresh data"
    assert "no rows since 2024-01-12 23:48Z" in message.causes[0].text


def test_a_log_that_stays_silent_is_repeated_and_resolves_after_two_windows_with_rows(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(10)))
    told = []
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        for number in range(9, 18):
            told += [(number, m.reason) for m in at(daemon, evening(number)).messages]
        assert told[:2] == [(10, "opened"), (11, "still_failing")]
        write(log, steady(range(10), range(18, 21)))
        (back,) = at(daemon, evening(19)).messages
        stale = incident(daemon, "shop", "stale")
    assert (back.cause, back.reason) == ("stale", "resolved")
    assert stale is not None
    assert stale.state == "resolved"
    assert (stale.since, stale.last_seen) == (evening(10, 0), evening(17, 0))


def test_what_was_wrong_before_the_silence_stays_wrong_through_it(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    drifted = steady(range(10)) | {10: 3.0, 11: 3.0}
    write(log, drifted)
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        (opened,) = at(daemon, evening(11)).messages[:1]
        assert opened.cause == "features"
        for number in range(12, 16):
            reasons = {m.reason for m in at(daemon, evening(number)).messages}
            assert "resolved" not in reasons
        features = incident(daemon, "shop", "features")
        assert features is not None
        assert (features.state, features.last_seen, features.quiet) == ("open", evening(11, 0), 0)
        write(log, drifted | steady(range(16, 19)))
        at(daemon, evening(18))
        features = incident(daemon, "shop", "features")
    assert features is not None
    assert features.state == "resolved"


def test_a_column_that_vanishes_resolves_no_incident_about_it(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    drifted = steady(range(10)) | {10: 3.0, 11: 3.0}
    write(log, drifted)
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        at(daemon, evening(11))
        write(log, drifted | steady(range(12, 16)), without="x")
        for number in range(12, 16):
            at(daemon, evening(number))
        features, schema = (incident(daemon, "shop", cause) for cause in ("features", "schema"))
        drift = findings(daemon, "shop", "wasserstein", "x")
    assert features is not None
    assert schema is not None
    assert (features.state, features.last_seen) == ("open", evening(11, 0))
    assert (schema.state, schema.severity) == ("open", "critical")
    assert {drift[number].verdict for number in range(12, 16)} <= {
        Verdict.NO_DATA,
        Verdict.INSUFFICIENT,
    }


def test_a_log_without_weekends_is_not_missed_on_a_weekend_but_on_a_monday(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    weeks = [n for n in range(28) if n % 7 < 5]
    write(log, dict.fromkeys(weeks, 0.0))
    three_weeks = "from = 2024-01-01\nto = 2024-01-22"
    with daemon_of(tmp_path, model("shop", log, reference=three_weeks)) as daemon:
        quiet = [m.cause for n in range(21, 28) for m in at(daemon, evening(n)).messages]
        monday = at(daemon, evening(28)).messages
        freshness = findings(daemon, "shop", "freshness")
    assert quiet == []
    assert [message.cause for message in monday] == ["stale"]
    assert [freshness[n].verdict for n in (25, 26, 27, 28)] == [
        Verdict.OK,
        Verdict.NO_DATA,
        Verdict.NO_DATA,
        Verdict.CRITICAL,
    ]
    assert freshness[28].value == timedelta(days=3, minutes=12).total_seconds()


def test_a_reference_in_a_file_tells_no_silence_and_a_day_is_waited(tmp_path: Path) -> None:
    log, past = tmp_path / "log.csv", tmp_path / "past.csv"
    write(past, steady(range(8)))
    write(log, steady(range(20, 22)))
    tables = model("shop", log, every="6h", reference=f'path = "{past}"')
    with daemon_of(tmp_path, tables) as daemon:
        told = {
            hours: [m.cause for m in at(daemon, day(22).start + timedelta(hours=hours)).messages]
            for hours in (0, 6, 12, 18, 24, 30)
        }
    assert [hours for hours, causes in told.items() if "stale" in causes] == [30]


def test_a_log_whose_rows_never_come_is_missed_since_its_reference_was_accepted(
    tmp_path: Path,
) -> None:
    log, past = tmp_path / "log.csv", tmp_path / "past.csv"
    write(past, steady(range(8)))
    write(log, steady(range(90, 92)))
    tables = model("shop", log, reference=f'path = "{past}"')
    with daemon_of(tmp_path, tables) as daemon:
        assert not at(daemon, evening(20)).messages
        told = [(n, m.cause) for n in range(21, 25) for m in at(daemon, evening(n)).messages]
        (latest,) = daemon.board.snapshot.models
    assert told[0] == (22, "stale")
    assert latest.newest_row is None


def test_a_log_without_any_row_is_a_source_in_trouble(tmp_path: Path) -> None:
    log, past = tmp_path / "log.csv", tmp_path / "past.csv"
    write(past, steady(range(8)))
    write(log, {})
    with daemon_of(tmp_path, model("shop", log, reference=f'path = "{past}"')) as daemon:
        assert not at(daemon, evening(20)).messages
        (message,) = at(daemon, evening(20, 25)).messages
    assert message.cause == "source"
    assert "the log is empty" in message.causes[0].text


def test_the_limit_of_the_configuration_decides_where_there_is_one(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(12)))
    patient = "[models.shop.checks]\nfreshness = { critical = 200000 }\n"
    with daemon_of(tmp_path, model("shop", log) + patient) as daemon:
        told = [(n, m.cause) for n in range(11, 16) for m in at(daemon, evening(n)).messages]
        rules = {f.rule for f in findings(daemon, "shop", "freshness").values() if f.rule}
    assert told[0] == (14, "stale")
    assert rules == {"config"}


def test_a_silence_is_told_from_the_row_before_it_also_after_a_pause_of_the_monitor(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(10), range(14, 16)))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        at(daemon, evening(15))
        freshness = findings(daemon, "shop", "freshness")
    silent = [(freshness[n].value, freshness[n].verdict) for n in range(10, 14)]
    tail = timedelta(minutes=12)
    assert silent == [((k * DAY + tail).total_seconds(), Verdict.CRITICAL) for k in range(1, 5)]
    assert freshness[14].verdict is Verdict.OK


def test_the_time_of_the_newest_row_does_not_vanish_when_it_matters(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(10)))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        at(daemon, evening(12))
        (shown,) = daemon.board.snapshot.models
    assert shown.rows == 0
    assert shown.newest_row == START + 10 * DAY - timedelta(minutes=12)


@pytest.mark.parametrize("late_by", [1, 6])
def test_rows_that_come_after_all_are_evaluated_within_the_time_that_labels_may_take(
    tmp_path: Path, late_by: int
) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(10)))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        at(daemon, evening(10))
        (entry,) = daemon.store.ledger("shop", evening(9))
        assert (entry.rows, entry.state) == (0, State.PROVISIONAL)
        write(log, steady(range(10 + late_by)))
        at(daemon, evening(10 + late_by))
        first, *_, last = daemon.store.revisions("shop", day(10))
    assert (first.rows, last.rows, last.state) == (0, 120, State.FINAL)


def test_a_window_that_stays_empty_is_final_in_the_end_and_no_revision_is_wasted(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(10), range(11, 30)))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        for number in range(9, 25):
            at(daemon, evening(number))
        found = daemon.store.revisions("shop", day(10))
    assert [(entry.state, entry.rows) for entry in found] == [
        (State.PROVISIONAL, 0),
        (State.FINAL, 0),
    ]
