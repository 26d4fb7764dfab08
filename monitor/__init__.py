"""modelmon watches machine-learning models in production: drift, data quality and performance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor._version import __version__

if TYPE_CHECKING:
    from monitor.api import Drift, drift

__all__ = ["Drift", "__version__", "drift"]


def __getattr__(name: str) -> object:
    """Import the notebook interface when it is first used: the command line does not need it."""
    if name in ("drift", "Drift"):
        from monitor import api

        return getattr(api, name)
    raise AttributeError(f"module 'monitor' has no attribute {name!r}")
