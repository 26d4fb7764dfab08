"""A pandas DataFrame as a source, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Columns, Extent, Horizon, Pulse, Survey, Unreadable, WrongSchema
from monitor.sources._pulse import pulse_batches
from monitor.sources._rows import profile_batches
from monitor.sources._survey import survey_batches
from monitor.windows import Window

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A frame, looked at and never changed."""

    table: pa.Table

    @classmethod
    def of(cls, frame: pd.DataFrame, name: str) -> Source:
        """The source of a frame; ``name`` is what errors call it.

        Raises:
            TypeError: it is no DataFrame.
        Unreadable: a column holds values that are no table cells.
            WrongSchema: the frame has no rows, or two columns of one name.
        """
        if not hasattr(frame, "columns"):
            raise TypeError(f"{name}: a pandas DataFrame is needed, not {type(frame).__name__}")
        if frame.columns.has_duplicates:
            twice = sorted({str(c) for c in frame.columns[frame.columns.duplicated()]})
            raise WrongSchema(f"{name}: two columns are named {twice[0]!r}; rename one")
        if not len(frame):
            raise WrongSchema(f"{name}: the frame has no rows")
        return cls(pa.table({str(c): _cells(frame[c], name) for c in frame.columns}))

    def names(self) -> Sequence[str]:
        """The columns of the frame."""
        return tuple(self.table.column_names)

    def survey(self, columns: Columns, period: Window) -> Survey:
        return survey_batches(columns, period, self.table.to_batches)

    def extent(
        self,
        columns: Columns,  # noqa: ARG002  (a protocol)
        horizon: Horizon,  # noqa: ARG002
        since: datetime | None = None,  # noqa: ARG002
    ) -> Extent:
        """Rows only: a frame is compared as a whole."""
        return Extent(self.table.num_rows)

    def pulse(
        self, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> Mapping[Window, Pulse]:
        return pulse_batches(columns, windows, horizon, self.table.to_batches())

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        scan = self.table.to_batches
        return profile_batches(plan, columns, windows, horizon, scan, spans=spans)

    def rows(
        self,
        names: Sequence[str],
        columns: Columns,  # noqa: ARG002  (a protocol)
        period: Window,  # noqa: ARG002
        horizon: Horizon,  # noqa: ARG002
    ) -> Iterator[pa.RecordBatch]:
        """All rows: a frame is compared as a whole."""
        kept = [name for name in names if name in self.table.column_names]
        yield from self.table.select(kept).to_batches()


def _cells(column: pd.Series[Any], name: str) -> pa.Array:
    """A column as an Arrow array; one of mixed Python types as text, where it is judged as such."""
    try:
        return pa.Array.from_pandas(column)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    try:
        text = column.map(str, na_action="ignore")
        return pa.Array.from_pandas(text, type=pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise Unreadable(f"{name}: column {column.name!r} cannot be read: {error}") from None
