from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.secret import Secret, redact

HOOK = Secret("https://hooks.example/services/T0/B1/sEcReT?x=1&y=2")


@dataclass(frozen=True)
class Login:
    password: Secret


@pytest.mark.parametrize("shown", [str, repr, "{}".format, "{:>20}".format, "%s".__mod__])
def test_a_secret_shows_only_stars(shown: object) -> None:
    assert callable(shown)
    assert "hunter2" not in shown(Secret("hunter2"))
    assert "***" in shown(Secret("hunter2"))


def test_a_dataclass_that_holds_a_secret_does_not_show_it() -> None:
    assert "hunter2" not in repr(Login(Secret("hunter2")))
    assert "hunter2" not in str(asdict(Login(Secret("hunter2"))))


def test_a_secret_cannot_be_written_as_json_or_pickle() -> None:
    with pytest.raises(TypeError):
        json.dumps({"password": Secret("hunter2")})
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(Login(Secret("hunter2")))


def test_a_secret_has_no_attributes_to_dump() -> None:
    with pytest.raises(TypeError):
        vars(Secret("hunter2"))


def test_secrets_are_equal_by_their_text_and_only_to_secrets() -> None:
    assert Secret("ä\ud800") == Secret("ä\ud800")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert copy.deepcopy(Secret("a")) == Secret("a")


def test_only_text_can_be_a_secret() -> None:
    with pytest.raises(TypeError, match="not from bytes"):
        Secret(b"hunter2")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        HOOK.reveal(),
        "host='hooks.example', port=443: Max retries with url: /services/T0/B1/sEcReT?x=1&y=2",
        "https%3A%2F%2Fhooks.example%2Fservices%2FT0%2FB1%2FsEcReT%3Fx%3D1%26y%3D2",
        "POST /services/T0/B1/sEcReT",
    ],
)
def test_a_webhook_is_removed_in_every_form_in_which_libraries_print_it(text: str) -> None:
    assert "sEcReT" not in redact(text, [HOOK])


def test_the_password_within_a_database_address_is_removed_on_its_own() -> None:
    secret = Secret("postgresql://mon:p4ss%21@db.example/state")
    assert redact("login with p4ss%21 failed", [secret]) == "login with *** failed"
    assert redact("no route to db.example/state", [secret]) == "no route to db.example/state"


def test_a_secret_within_another_leaves_no_rest() -> None:
    assert redact("abcdef", [Secret("cd"), Secret("abcdef")]) == "***"


def test_an_empty_secret_and_a_broken_address_change_nothing() -> None:
    assert redact("text", [Secret(""), Secret("http://[")]) == "text"


def test_a_quote_in_a_password_is_found_inside_json() -> None:
    line = json.dumps({"password": 's3"\\x'})
    assert redact(line, [Secret('s3"\\x')]) == '{"password": "***"}'


@settings(deadline=None)
@given(st.text(min_size=4).filter(lambda text: text not in "***"), st.text(), st.text())
def test_no_text_holds_a_secret_after_redaction(secret: str, before: str, after: str) -> None:
    told = redact(f"{before}{secret}{after}", [Secret(secret)])
    assert secret not in told.replace("***", "\0")


def test_a_log_line_with_a_secret_as_argument_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("posting to %s", HOOK)
    assert "sEcReT" not in caplog.text
