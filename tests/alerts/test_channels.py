from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

import alerts
from alerts.channels import UnknownChannel, channel_type, channel_types
from alerts.secret import Secret

NEW_CHANNEL = '''
from __future__ import annotations
from dataclasses import dataclass

@dataclass(frozen=True)
class Channel:
    """Carrier pigeons."""
    loft: str
    def send(self, message, key, thread): ...
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(alerts, "__path__", [*alerts.__path__, str(tmp_path)])
    return tmp_path


def test_the_folder_is_the_registry() -> None:
    assert {"slack", "email", "stdout"} <= set(channel_types())
    assert channel_type("slack") is channel_types()["slack"]


def test_modules_that_are_no_channel_are_not_listed() -> None:
    plumbing = {"delivery", "message", "incident", "http", "secret", "channels"}
    assert not plumbing & set(channel_types())


def test_another_folder_adds_a_channel_without_any_edit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pigeon.py").write_text(NEW_CHANNEL)
    found = channel_type("pigeon")
    monkeypatch.delitem(sys.modules, "alerts.pigeon")
    assert is_dataclass(found)
    assert [field.name for field in fields(found)] == ["loft"]
    assert "pigeon" in channel_types()
    monkeypatch.delitem(sys.modules, "alerts.pigeon")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("slak", "did you mean 'slack'?"),
        ("e-mail", "did you mean 'email'?"),
        ("fax", "use one of email, "),
        ("delivery", "unknown channel type"),
        ("os", "unknown channel type"),
        ("../slack", "unknown channel type"),
        ("", "unknown channel type"),
    ],
)
def test_an_unknown_channel_is_named_with_the_way_out(name: str, hint: str) -> None:
    with pytest.raises(UnknownChannel) as caught:
        channel_type(name)
    assert hint in str(caught.value)
    assert str(caught.value).startswith(f"{name!r}: unknown channel type; ")


@pytest.mark.parametrize("name", sorted(channel_types()))
def test_every_field_of_a_channel_is_documented(name: str) -> None:
    kind = channel_type(name)
    assert kind.__doc__
    for field in fields(kind):
        assert field.metadata["help"], field.name


@pytest.mark.parametrize("name", sorted(channel_types()))
def test_what_is_secret_is_typed_so(name: str) -> None:
    hints = get_type_hints(channel_type(name))
    for field in fields(channel_type(name)):
        sensitive = any(word in field.name for word in ("url", "password", "token", "routing_key"))
        typed = hints[field.name] in (Secret, Secret | None)
        assert typed is sensitive, field.name


def imported_by(code: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(alerts.__path__[0]).parent,
    )
    return set(told.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import alerts",
        "import alerts.incident, alerts.message, alerts.compose, alerts.delivery",
        "from alerts.channels import channel_type; channel_type('stdout')",
    ],
)
def test_importing_alerts_is_light(code: str) -> None:
    heavy = {"requests", "smtplib", "ssl", "socket", "http.client", "numpy", "email"}
    assert not heavy & imported_by(code)


def test_asking_for_one_channel_imports_no_other() -> None:
    assert "alerts.email" not in imported_by(
        "from alerts.channels import channel_type; channel_type('slack')"
    )


def test_alerts_knows_neither_checks_nor_monitor() -> None:
    loaded = imported_by("from alerts.channels import channel_types; channel_types()")
    assert not {name.partition(".")[0] for name in loaded} & {"checks", "monitor", "numpy"}
