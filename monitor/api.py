"""The notebook interface: two DataFrames in, a result that shows itself out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from checks.verdict import Verdict
from monitor._version import __version__
from monitor.findings import WHOLE, Finding
from monitor.oneoff import Comparison, compare
from monitor.planning import Outlook, guess_columns
from monitor.sources import Columns

if TYPE_CHECKING:
    import pandas as pd

    from monitor.model import Task
    from monitor.report import Report


@dataclass(frozen=True, slots=True)
class Drift:
    """What ``drift`` found. In a notebook it shows itself as a report."""

    comparison: Comparison
    compared_at: datetime

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.comparison.findings

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences on columns that were left out, and why."""
        return self.comparison.notices

    @property
    def drifted(self) -> tuple[str, ...]:
        """Columns with a warning or critical finding, in alphabetical order."""
        firing = (Verdict.WARNING, Verdict.CRITICAL)
        return tuple(sorted({f.column for f in self.findings if f.column and f.verdict in firing}))

    def to_frame(self) -> pd.DataFrame:
        """One row a finding: column, check, value, threshold, verdict, reason and counts."""
        from monitor.report import to_frame

        return to_frame(self.findings)

    def to_html(self) -> str:
        """The whole report, one self-contained page."""
        from monitor.report import to_html

        return to_html(self._report())

    def _repr_html_(self) -> str:
        """The report in a frame of its own, so that neither page's style touches the other."""
        from html import escape

        return (
            '<iframe style="width:100%;height:640px;border:0" sandbox="allow-scripts" '
            f'title="Drift report" srcdoc="{escape(self.to_html(), quote=True)}"></iframe>'
        )

    def __repr__(self) -> str:
        from monitor.report import to_text

        return to_text(self._report(), width=100, colour=False)

    def _report(self) -> Report:
        from monitor.report import Compared, Report

        baseline = self.comparison.baseline
        return Report(
            title="Drift",
            model=self.comparison.name,
            generated_at=self.compared_at,
            compared=Compared("reference", "current", baseline.rows, self.comparison.portrait.rows),
            findings=self.findings,
            reference=baseline.portraits[WHOLE].columns,
            current=self.comparison.portrait.columns,
            notices=self.notices,
            version=__version__,
        )


def drift(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    numeric: Sequence[str] | None = None,
    categorical: Sequence[str] | None = None,
    text: Sequence[str] = (),
    embeddings: Sequence[str] = (),
    exclude: Sequence[str] = (),
    task: Task = "none",
    prediction: str | None = None,
    score: str | None = None,
    label: str | None = None,
    positive: str | int | bool | None = None,
    query: str | None = None,
    horizon: str | None = None,
    name: str = "drift",
) -> Drift:
    """How far has ``current`` moved from ``reference``?

    With neither ``numeric`` nor ``categorical`` every column is a feature, its kind inferred; of
    texts and vectors only what ``text`` and ``embeddings`` name;
    ``prediction``, ``score`` and ``label`` are guessed by name where not given. With a ``task``
    and labels the performance of both is compared too: of a ranking ``query`` tells which rows
    belong together, of forecasts ``horizon`` how far ahead each looks. The frames are not changed.

    Raises:
        monitor.sources.SourceError: a frame is empty, or a named column is not in it.
    """
    from checks.text import canonical
    from monitor.sources._frame import Source

    then, now = Source.of(reference, "reference"), Source.of(current, "current")
    guess = guess_columns(then.names())
    columns = Columns(
        timestamp=guess.timestamp,
        id=guess.id,
        version=guess.version,
        prediction=prediction or guess.prediction,
        score=score or guess.score,
        label=label or guess.label,
        label_timestamp=guess.label_timestamp,
        numeric=None if numeric is None else tuple(numeric),
        categorical=None if categorical is None else tuple(categorical),
        exclude=(*guess.exclude, *exclude),
        text=tuple(text),
        embeddings=tuple(embeddings),
        query=query,
        horizon=horizon,
    )
    outlook = Outlook(task, None if positive is None else canonical(positive))
    moment = datetime.now(UTC)
    return Drift(compare(name, then, now, columns, outlook, moment), moment)
