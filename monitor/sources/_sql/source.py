"""What all sources share that keep their log where SQL is spoken."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from math import inf
from typing import TypeVar

import pyarrow as pa

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Columns, Extent, Horizon, Pulse, Survey
from monitor.sources._reads import Reads
from monitor.sources._sql.log import SqlLog
from monitor.sources._sql.session import attempted, resumed
from monitor.windows import Window

_T = TypeVar("_T")


class SqlSource:
    """A source whose log is opened anew for each reading.

    A reading whose connection breaks is done once more, as long as nothing of it was handed out.
    """

    __slots__ = ()

    @abstractmethod
    def _log(self) -> AbstractContextManager[SqlLog]:
        """The log, open for one reading."""

    def names(self) -> Sequence[str]:
        """The columns of the log."""
        return self._read(lambda log: log.names())

    def survey(self, columns: Columns, period: Window) -> Survey:
        return self._read(lambda log: log.survey(columns, period))

    def extent(self, columns: Columns, horizon: Horizon, since: datetime | None = None) -> Extent:
        return self._read(lambda log: log.extent(columns, horizon, since))

    def pulse(
        self, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> Mapping[Window, Pulse]:
        return self._read(lambda log: log.pulse(columns, windows, horizon))

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        return self._read(lambda log: log.profile(plan, columns, windows, horizon, spans))

    def profile_and_pulse(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> tuple[Mapping[Window, Mapping[Slice, Portrait]], Mapping[Window, Pulse]]:
        return self._read(lambda log: log.profile_and_pulse(plan, columns, windows, horizon, spans))

    def rows(
        self, names: Sequence[str], columns: Columns, period: Window, horizon: Horizon
    ) -> Iterator[pa.RecordBatch]:
        def batches() -> Iterator[pa.RecordBatch]:
            with self._log() as log:
                yield from log.rows(names, columns, period, horizon)

        return resumed(batches)

    def reads(self, plan: Plan, columns: Columns, window: Window, horizon: Horizon) -> Reads:
        return Reads(self._read(lambda log: log.pushed_down(plan, columns, [window], horizon)))

    def _read(self, use: Callable[[SqlLog], _T]) -> _T:
        def read() -> _T:
            with self._log() as log:
                return use(log)

        return attempted(read)


def require_bounds(timeout: float, batch: int) -> None:
    """ValueError for a time-out or a number of rows that makes no sense."""
    if not 0 < timeout < inf:
        raise ValueError(f"timeout = {timeout:g}: must be a number of seconds above 0")
    if batch < 1:
        raise ValueError(f"batch = {batch}: at least 1 row is fetched at a time")
