"""Reading: a window is put together from granules, those that changed since and those on file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import WHOLE, Slice
from monitor.granules import fingerprint, joined
from monitor.model import Model
from monitor.sources import AtOnce, Horizon, Pulse
from monitor.store import Entry, Granule, Store
from monitor.windows import DAY, Window

BATCH = 32
"""Windows read in one scan of the source: bounds memory, and what a kill can cost."""

MOST_PROFILES = 1 << 16
"""Profiles of columns held at a time, some 2 kB each; a longer window is cut into days."""

Slices = Mapping[Slice, Portrait]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a window was found to be.

    ``slices`` is None where nothing has changed since the ledger's last line. ``pulse`` is that of
    all its granules (None: not taken), ``granules`` holds those that were read anew, where the
    window has more than one, and ``rows`` is how many rows were read.
    """

    slices: Slices | None
    pulse: str | None = None
    granules: tuple[Granule, ...] = ()
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads windows of a model, as far as they are not on file."""

    model: Model
    plan: Plan
    store: Store
    horizon: Horizon

    @property
    def now(self) -> datetime:
        return self.horizon.known_at

    def batches(self, windows: Sequence[Window]) -> Iterator[tuple[Window, ...]]:
        """Runs of windows that are read together: few enough, and of few enough granules."""
        batch: list[Window] = []
        held = 0
        for window in windows:
            size = len(self._parts(window))
            if batch and (len(batch) == BATCH or held + size > self._most):
                yield tuple(batch)
                batch, held = [], 0
            batch.append(window)
            held += size
        if batch:
            yield tuple(batch)

    def read(
        self, windows: Sequence[Window], before: Mapping[Window, Entry]
    ) -> dict[Window, Reading]:
        """The windows, of which ``before`` holds the ledger's last lines.

        Granules are read that are not on file or whose pulse has changed, in one scan. Where an id
        counts once in a window, one with other rows than before is read as a whole: the new ones
        may repeat the old ones.

        Raises:
            SourceError: the source could not be read.
        """
        found = _Found({window: self._parts(window) for window in windows}, self.now)
        found.pulses = self._pulses(found.parts, before)
        same = [w for w in windows if w in before and self._is_same(w, found, before[w])]
        rest = [w for w in windows if w not in same]
        for window in rest:
            if window in before:
                found.kept |= self._on_file(window, found, before[window])
        found.fresh, pulses = self._profiled(rest, found)
        waiting = (part for window in rest if self._waits(window) for part in found.parts[window])
        found.pulses = {p: pulses[p] for p in waiting if p in pulses} | dict(found.pulses)
        readings = {window: found.reading(window) for window in rest}
        return {w: readings.get(w) or Reading(None, found.pulse(w)) for w in windows}

    @property
    def _most(self) -> int:
        """How many granules may be held at a time."""
        slices = 1 + sum(len(values) for values in self.plan.segments.values())
        return max(MOST_PROFILES // (slices * max(len(self.plan.columns), 1)), 1)

    def _parts(self, window: Window) -> tuple[Window, ...]:
        parts = self.model.schedule.granules(window, self.now)
        if len(parts) > self._most:
            return self.model.schedule.granules(window, self.now, DAY)
        return parts

    def _pulses(
        self, parts: Mapping[Window, Sequence[Window]], before: Mapping[Window, Entry]
    ) -> Mapping[Window, Pulse]:
        """The pulses of windows that have come again, and of those that may.

        They are taken before anything is profiled: what comes in between is seen the next time. Of
        new windows a source may tell them `AtOnce` with the profiles.
        """
        later = isinstance(self.model.source, AtOnce)
        looked = [w for w in parts if w in before or (not later and self._waits(w))]
        granules = [part for window in looked for part in parts[window]]
        if not granules:
            return {}
        return self.model.source.pulse(self.model.columns, granules, self.horizon)

    def _waits(self, window: Window) -> bool:
        return self.model.schedule.waits(window, self.now)

    def _is_same(self, window: Window, found: _Found, entry: Entry) -> bool:
        state = self.model.schedule.state(window, entry.rows, entry.labels, self.now)
        return state is entry.state and found.pulse(window) == entry.pulse

    def _on_file(self, window: Window, found: _Found, entry: Entry) -> dict[Window, Slices]:
        """The granules of a window that are as they were."""
        taken = found.taken(window)
        if self.model.columns.id is not None and sum(p.rows for p in taken.values()) != entry.rows:
            return {}
        if len(taken) > 1:
            return dict(self.store.granules(self.model.name, self.plan.hash, taken))
        if found.pulse(window) != entry.pulse:
            return {}
        slices = self.store.portraits(self.model.name, window)
        known = slices and all(each.plan == self.plan.hash for each in slices.values())
        return {window: slices} if known else {}

    def _profiled(
        self, windows: Sequence[Window], found: _Found
    ) -> tuple[Mapping[Window, Slices], Mapping[Window, Pulse]]:
        """The granules that are not on file and, where they cost nothing, their pulses."""
        parts = [part for window in windows for part in found.parts[window]]
        wanted = [part for part in parts if part not in found.kept]
        if not wanted:
            return {}, {}
        if parts[-1] not in wanted:  # rows without a place are booked on the newest that is read
            wanted.append(parts[-1])
        spans = windows if len(parts) > len(windows) else ()
        model, source = self.model, self.model.source
        if isinstance(source, AtOnce) and any(part not in found.pulses for part in wanted):
            return source.profile_and_pulse(self.plan, model.columns, wanted, self.horizon, spans)
        return source.profile(self.plan, model.columns, wanted, self.horizon, spans), {}


@dataclass(slots=True)
class _Found:
    """What is known of the windows of one scan, by granule."""

    parts: Mapping[Window, Sequence[Window]]
    now: datetime
    pulses: Mapping[Window, Pulse] = field(default_factory=dict)
    kept: dict[Window, Slices] = field(default_factory=dict)
    fresh: Mapping[Window, Slices] = field(default_factory=dict)

    def taken(self, window: Window) -> dict[Window, Pulse]:
        """The pulses of a window's granules; empty where they were not taken."""
        return {part: self.pulses[part] for part in self.parts[window] if part in self.pulses}

    def pulse(self, window: Window) -> str | None:
        taken = self.taken(window)
        return fingerprint(taken) if taken else None

    def reading(self, window: Window) -> Reading:
        parts = {part: self._slices(part) for part in self.parts[window]}
        read = [part for part in parts if part in self.fresh]
        rows = sum(parts[part][WHOLE].rows for part in read)
        if len(parts) == 1:
            return Reading(self._as_of_now(parts[window]), self.pulse(window), rows=rows)
        new = tuple(Granule(part, self.pulses.get(part), parts[part]) for part in read)
        return Reading(self._as_of_now(joined(parts, window)), self.pulse(window), new, rows)

    def _as_of_now(self, slices: Slices) -> Slices:
        """The same where what was on file has been looked at anew, and found as it was."""
        return {place: one.looked_at(self.now) for place, one in slices.items()}

    def _slices(self, part: Window) -> Slices:
        return self.fresh[part] if part in self.fresh else self.kept[part]
