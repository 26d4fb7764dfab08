"""Two processes for one pass: a helper reads about half of a large log, and both halves add up."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from checks.plan import Plan
from monitor.sources import Columns, SourceError, Unreachable
from monitor.sources._duplicates import IdLedger
from monitor.sources._formats import GroupReader, Reader, Request
from monitor.sources._pass import Pass
from monitor.sources._places import File
from monitor.sources._rows import FirstPass, first_pass
from monitor.sources._tally import Tally

_ENOUGH = {True: 512 << 20, False: 64 << 20}  # bytes, typed or not: a helper takes 0.8 s to start
_UTC = ("UTC", "Etc/UTC")

Sums = tuple[Tally, list[NDArray[np.int64]]]
"""What a helper found, and where in its file of ids each part starts."""


@dataclass(frozen=True, slots=True)
class Portion:
    """A file, or one stretch of the row groups of a file (see `Request`)."""

    file: File
    part: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """What a helper is asked to do; ids go to a file of this path."""

    task: Pass
    reader: Reader
    request: Request
    portions: tuple[Portion, ...]
    ids: Path

    def batches(self) -> Iterator[pa.RecordBatch]:
        for portion in self.portions:
            request = replace(self.request, part=portion.part)
            yield from self.reader.batches(portion.file, request)

    def run(self) -> Sums:
        with IdLedger(self.ids) as ledger:
            tally = self.task.run(self.batches(), first_pass(ledger))
            return tally.settled(), ledger.to_file()


def aid(
    plan: Plan, columns: Columns, reader: Reader, request: Request, files: Sequence[File]
) -> FirstPass | None:
    """How two processes make the first pass; None where that would not pay or not be the same.

    The order of rows must not matter: it does to the twice-lived hour of a wall clock, and to
    sampled rows that have no id.
    """
    if not sys.executable or (os.cpu_count() or 1) == 1:
        return None
    if plan.multivariate is not None and columns.id is None:
        return None
    sizes = [_size(reader, file, request) for file in files]
    if sum(sizes) < _ENOUGH[reader.typed] or not _orderless(reader, columns, files):
        return None
    mine, other = halves(files, sizes, splits=isinstance(reader, GroupReader))
    if not mine or not other:
        return None

    def both(task: Pass, ledger: IdLedger) -> Tally:
        with TemporaryDirectory(prefix="modelmon-") as folder:
            ids = Path(folder, "ids")
            with _helper(Errand(task, reader, request, other, ids)) as helper:
                own = Errand(task, reader, request, mine, ids)
                tally = task.run(helper.watched(own.batches()), first_pass(ledger))
                theirs, starts = helper.sums()
            ledger.take(ids, starts)
        tally.take(theirs)
        return tally

    return both


def _size(reader: Reader, file: File, request: Request) -> int:
    return reader.share(file, request).size if isinstance(reader, GroupReader) else file.size


def _orderless(reader: Reader, columns: Columns, files: Sequence[File]) -> bool:
    """Whether times mean the same whatever rows came before."""
    if columns.timezone in _UTC or columns.timestamp is None:
        return True
    names = columns.timestamp
    return isinstance(reader, GroupReader) and all(reader.reach(f, names) for f in files)


def halves(
    files: Sequence[File], sizes: Sequence[int], *, splits: bool
) -> tuple[tuple[Portion, ...], tuple[Portion, ...]]:
    """The files in two portions of about one size; one in the middle is split where files can be.

    >>> first, second = halves(["a", "b", "c"], [4, 4, 4], splits=True)
    >>> [(p.file, p.part) for p in first + second]
    [('a', None), ('b', (0, 2)), ('b', (1, 2)), ('c', None)]
    """
    first: list[Portion] = []
    second: list[Portion] = []
    before, half = 0, sum(sizes) / 2
    for file, size in zip(files, sizes, strict=True):
        middle = before + size / 2
        if splits and before < half < before + size:
            first.append(Portion(file, (0, 2)))
            second.append(Portion(file, (1, 2)))
        else:
            (first if middle <= half else second).append(Portion(file))
        before += size
    return tuple(first), tuple(second)


@dataclass(frozen=True, slots=True)
class Helper:
    """A process on an errand."""

    process: Popen[bytes]

    def watched(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches, as long as the helper is well."""
        for batch in batches:
            if self.process.poll():
                self.sums()
            yield batch

    def sums(self) -> Sums:
        """What the helper found.

        Raises:
            SourceError: it could not read its half, or it ended before it was done.
        """
        told = cast("IO[bytes]", self.process.stdout).read()
        code = self.process.wait()
        if code or not told:
            cause = f"signal {-code}" if code < 0 else f"exit {code}"
            raise Unreachable(
                f"the process that reads half of the log ended early ({cause}); "
                "if memory is short, workers = 1 does without it"
            )
        found = pickle.loads(told)  # noqa: S301  (it comes from our own process)
        if isinstance(found, SourceError):
            raise found
        return cast("Sums", found)


@contextmanager
def _helper(errand: Errand) -> Iterator[Helper]:
    """A helper that ends when the block does; a new interpreter, as threads forbid to fork."""
    paths = os.pathsep.join(path for path in sys.path if path)
    process = Popen(  # noqa: S603  (this interpreter)
        [sys.executable, "-P", "-m", __name__],
        stdin=PIPE,
        stdout=PIPE,
        env=os.environ | {"PYTHONPATH": paths},
        start_new_session=True,  # Ctrl-C is for this process, which then ends the helper
    )
    try:
        stdin = cast("IO[bytes]", process.stdin)
        try:
            pickle.dump(errand, stdin)
            stdin.flush()
        except BrokenPipeError:
            Helper(process).sums()
        yield Helper(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            cast("IO[bytes]", pipe).close()


def main() -> None:
    """Do one errand: it comes by standard input, and the sums leave by standard output."""
    errand = cast("Errand", pickle.load(sys.stdin.buffer))  # noqa: S301  (our own process)
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(BrokenPipeError), os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # what a library may print is no part of the answer
        try:
            found: Sums | SourceError = errand.run()
        except SourceError as error:
            found = error
        pickle.dump(found, out)


def _end_with_parent() -> None:
    """End when standard input does: whoever sent this process is gone."""
    while os.read(0, 1):  # not by the buffer, whose lock would outlive the interpreter
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
