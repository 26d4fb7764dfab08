"""Granules: the portraits of short spans add up to those of a window; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from checks.log import LogProfile
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Pulse
from monitor.windows import Window


def joined(
    parts: Mapping[Window, Mapping[Slice, Portrait]], window: Window
) -> dict[Slice, Portrait]:
    """The portraits of one window, made up of those of granules in it.

    The facts of the log are those of this one window, whatever number of granules it was read in.
    """
    ordered = [parts[part] for part in sorted(parts)]
    places = dict.fromkeys(place for each in ordered for place in each)
    return {
        place: _one([each[place] for each in ordered if place in each], window) for place in places
    }


def _one(parts: Sequence[Portrait], window: Window) -> Portrait:
    end, span = window.end.timestamp(), window.length.total_seconds()
    merged = Portrait.merged(parts)
    return replace(merged, log=LogProfile.of_parts([merged.log], end, span))


def fingerprint(pulses: Mapping[Window, Pulse]) -> str:
    """One short text for the pulses of the granules of a window."""
    told = ";".join(f"{p.rows},{p.labels},{p.digest}" for _, p in sorted(pulses.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
