"""What all tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# A run that guards main must not depend on luck; everywhere else new examples are welcome.
settings.register_profile("everyday", deadline=None)
settings.register_profile("guard", deadline=None, derandomize=True)
settings.load_profile("guard" if os.environ.get("CI") else "everyday")

_LONGEST = ("test_sql_contract.py", "test_contract.py", "test_kill.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that no process waits for the last one."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)
