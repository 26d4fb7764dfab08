from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from alerts.delivery import Unavailable
from alerts.message import Message
from alerts.stdout import Channel

Make = Callable[..., Message]


def test_a_page_is_one_line(message: Make, capsys: pytest.CaptureFixture[str]) -> None:
    Channel().send(message(), "key", None)
    assert capsys.readouterr().out == (
        "2024-03-14 08:00Z PAGE critical opened credit/features: features drifted: age, income "
        "and 2 more; age is 11 years lower than usual. (and 3 more)\n"
    )


def test_a_page_without_causes_is_one_line_too(
    message: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    Channel().send(message(causes=(), title="two\nlines"), "key", None)
    assert capsys.readouterr().out.endswith("credit/features: two lines\n")


def test_a_single_cause_is_not_followed_by_a_number(
    message: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    Channel().send(message(causes=message().causes[:1]), "key", None)
    assert capsys.readouterr().out.endswith("; age is 11 years lower than usual.\n")


def test_a_terminal_that_knows_ascii_only_gets_escapes(
    message: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    Channel().send(message(title="Köln"), "key", None)
    assert b"K\\xf6ln" in raw.getvalue()


def test_a_closed_output_is_unavailable(message: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    with pytest.raises(Unavailable, match="closed"):
        Channel().send(message(), "key", None)
