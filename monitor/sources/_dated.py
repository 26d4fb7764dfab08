"""Paths with dates in them: which files of a log can hold rows of the wanted windows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import has_magic
from pathlib import Path

from monitor.sources._places import File, found
from monitor.windows import Window

MARGIN = timedelta(days=1)
"""How far the date of a file may be off the times of its rows: zones, and writers that are late."""

_FIELD = re.compile(r"\{date:([^{}]*)\}")
_DIGITS = {"Y": 4, "m": 2, "d": 2, "H": 2}
_GLOB = re.compile(r"\{date:[^{}]*\}|\*\*/|\*|\?|\[[^]]*\]|[^*?[{]+|.")
_MOST_PATTERNS = 60


@dataclass(frozen=True, slots=True)
class Dated:
    """A path such as ``logs/{date:%Y/%m/%d}/*.parquet``.

    Within ``{date:...}``, which may stand several times, ``%Y %m %d %H`` are the year, month, day
    and hour of the rows of a file.
    """

    text: str

    def may_hold(self, name: str, windows: Sequence[Window] | None) -> bool:
        """Whether a file of this name can hold rows of a window; so it can if its date is none."""
        met = re.search(self._expression, name)
        if windows is None or met is None:
            return True
        at = {mark: int(text) for mark, text in met.groupdict().items()}
        try:
            day = datetime(at["Y"], at.get("m", 1), at.get("d", 1), tzinfo=UTC)
            start = day.replace(hour=at.get("H", 0))
        except ValueError:
            return True
        end = self._next(start) + MARGIN
        return any(w.start < end and start - MARGIN < w.end for w in windows)

    @property
    def _expression(self) -> str:
        """A regular expression for the names of files, whose groups are the parts of the date."""
        seen: set[str] = set()

        def group(digits: int, mark: str) -> str:
            told = f"(?P<{mark}>" if mark not in seen else "(?:"
            seen.add(mark)
            return f"{told}\\d{{{digits}}})"

        tail = self.text[self.text.rfind("/", 0, self.text.index("{date:")) + 1 :]
        return "(?:^|/)" + "".join(_expressed(step, group) for step in _GLOB.findall(tail))

    def files(self, windows: Sequence[Window] | None, suffixes: tuple[str, ...]) -> list[File]:
        """The files of the log that can hold rows of the windows (None: all its files)."""
        last = self.text.rpartition("/")[2]
        folders = not last.endswith(suffixes) and not has_magic(_FIELD.sub("", last))
        below = [f"/**/*{suffix}" for suffix in suffixes] if folders else [""]
        every = [
            f
            for each in self.patterns(windows)
            for end in below
            for f in found(each + end, suffixes)
        ]
        kept = {f.shown: f for f in every if self.may_hold(f.shown, windows)}
        return [kept[name] for name in sorted(kept)]

    def patterns(self, windows: Sequence[Window] | None) -> list[str]:
        """Glob patterns for all files whose period can overlap a window (None: all files)."""
        wanted = None if windows is None else self._periods(windows)
        if wanted is None:
            return [_FIELD.sub(lambda field: _marks(field[1], lambda n, _: "[0-9]" * n), self.text)]
        return list(dict.fromkeys(self._at(start) for start in wanted))

    def _at(self, start: datetime) -> str:
        return _FIELD.sub(lambda field: start.strftime(field[1]), self.text)

    def _periods(self, windows: Sequence[Window]) -> list[datetime] | None:
        """The periods of files that can overlap the windows, None where they are too many."""
        starts: dict[datetime, None] = {}
        for window in windows:
            first, last = window.start, window.end
            if last - first > 2 * _MOST_PATTERNS * timedelta(days=366):
                return None
            moment = self._floor((first - MARGIN).astimezone(UTC))
            while moment < last + MARGIN:
                starts[moment] = None
                if len(starts) > _MOST_PATTERNS:
                    return None
                moment = self._next(moment)
        return list(starts)

    def _floor(self, moment: datetime) -> datetime:
        """The start of the period that a file with this moment in its path is for."""
        hour = moment.replace(minute=0, second=0, microsecond=0)
        starts = {
            "H": hour,
            "d": hour.replace(hour=0),
            "m": hour.replace(hour=0, day=1),
            "Y": hour.replace(hour=0, day=1, month=1),
        }
        return starts[self._finest]

    def _next(self, start: datetime) -> datetime:
        step = {"H": timedelta(hours=1), "d": timedelta(days=1), "m": timedelta(days=32)}
        return self._floor(start + step.get(self._finest, timedelta(days=367)))

    @property
    def _finest(self) -> str:
        marks: list[str] = re.findall(r"%(\w)", "".join(_FIELD.findall(self.text)))
        return max(marks, key="YmdH".index)


def dated(path: Path | str) -> Dated | None:
    """The path as one with dates, None where it has none.

    Raises:
        ValueError: what stands within ``{date:...}`` is not understood.
    """
    fields = _FIELD.findall(str(path))
    if not fields:
        return None
    marks = re.findall(r"%(.?)", "".join(fields))
    if not marks or not set(marks) <= set(_DIGITS):
        raise ValueError(
            f"{path}: within {{date:...}} write %Y, %m, %d and %H, as in {{date:%Y-%m-%d}}"
        )
    kept = "".join(sorted(set(marks), key="YmdH".index))
    if not "YmdH".startswith(kept):
        raise ValueError(f"{path}: a date needs all of %Y %m %d %H down to its finest")
    return Dated(str(path))


def _marks(text: str, write: Callable[[int, str], str]) -> str:
    """The text within a ``{date:...}`` with each mark written anew, by its digits and its name."""
    return re.sub(r"%(\w)", lambda mark: write(_DIGITS[mark[1]], mark[1]), text)


def _expressed(step: str, group: Callable[[int, str], str]) -> str:
    """A piece of a glob pattern as a regular expression."""
    if step.startswith("{date:"):
        parts = re.split(r"(%\w)", step[len("{date:") : -1])
        return "".join(_marks(p, group) if p[:1] == "%" else re.escape(p) for p in parts)
    wild = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    if step.startswith("[") and step.endswith("]"):
        return step.replace("[!", "[^", 1)
    return wild.get(step) or re.escape(step)
