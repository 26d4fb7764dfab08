"""What importing costs and does: nothing heavy behind help, nothing at all to the world."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"numpy", "scipy", "pandas", "pyarrow", "sqlalchemy", "pydantic", "requests", "jinja2"}
PROBE = """
import json, os, sys, threading
events = []
sys.addaudithook(lambda name, args: events.append(name) if name == "socket.connect" else None)
before = dict(os.environ)
{action}
print(json.dumps({{
    "modules": sorted({{name.partition(".")[0] for name in sys.modules}}),
    "deep": sorted(name for name in sys.modules if name.startswith(("scipy.", "monitor."))),
    "events": events,
    "environment": before == dict(os.environ),
    "threads": threading.active_count(),
}}))
"""


def probe(action: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(action=action)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_help_imports_nothing_heavy() -> None:
    found = probe('from monitor.cli import cli\ncli.main(["--help"], standalone_mode=False)')
    assert HEAVY.isdisjoint(found["modules"])


def test_checks_do_not_import_the_heavy_part_of_scipy() -> None:
    found = probe("from checks.check import catalogue\ncatalogue()")
    assert "scipy.stats" not in found["deep"]
    assert {"pandas", "pyarrow", "sqlalchemy"}.isdisjoint(found["modules"])


@pytest.mark.parametrize(
    "module",
    [
        "monitor",
        "monitor.cli",
        "monitor.api",
        "monitor.daemon",
        "monitor.web",
        "monitor.report",
        "monitor.sources.parquet",
        "monitor.sources.sql",
        "alerts.slack",
        "alerts.email",
    ],
)
def test_an_import_touches_neither_network_nor_environment(module: str) -> None:
    found = probe(f"import {module}")
    assert found["events"] == []
    assert found["environment"]
    assert found["threads"] == 1


def test_the_public_face_of_the_package_is_what_it_says() -> None:
    import monitor

    assert all(getattr(monitor, name) is not None for name in monitor.__all__)
    with pytest.raises(AttributeError, match="no attribute 'drifft'"):
        monitor.drifft  # noqa: B018
