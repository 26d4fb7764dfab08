"""The import contracts list every module of the monitor: a new one cannot slip past them."""

from __future__ import annotations

import tomllib
from pkgutil import iter_modules

import pytest

import monitor
from tests.shared import ROOT

OWNERS = {
    "sqlalchemy": {"monitor.sources", "monitor.store"},
    "pyarrow": {"monitor.sources"},
    "pydantic": {"monitor.binding"},
    "apscheduler": {"monitor.daemon"},
    "prometheus_client": {"monitor.export"},
    "pandas": {"monitor.report", "monitor.api", "monitor.sources"},
}


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_forbidden_to_all_modules_but_its_owners(library: str) -> None:
    tree = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = tree["tool"]["importlinter"]["contracts"]
    (contract,) = [c for c in contracts if c.get("forbidden_modules") == [library]]
    modules = {f"monitor.{info.name}" for info in iter_modules(monitor.__path__)}
    assert set(contract["source_modules"]) == modules - OWNERS[library] - {"monitor.__main__"}
