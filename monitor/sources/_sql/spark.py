"""The one Spark session of this process, and the statements that it runs."""

from __future__ import annotations

import logging
import re
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from sqlalchemy import DateTime
from sqlalchemy.types import TypeEngine

from monitor.sources import SourceError, Unreachable, Unreadable, WrongSchema
from monitor.sources._breaker import TimedOut
from monitor.sources._sql.bounded import GRACE_SECONDS, Overdue, started, within
from monitor.sources._sql.faults import missing, too_long
from monitor.sources._sql.relation import Relation, open_table
from monitor.sources._sql.session import Cells
from monitor.sources._sql.spellings import Spark
from monitor.sources._sql.textual import KINDS, TextualSession, type_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CONNECT_SECONDS = 10.0
START_SECONDS = 120.0
STOP_SECONDS = 30.0
_LOOK_SECONDS = 1.0
_OURS: Mapping[str, str] = {
    "spark.app.name": "modelmon",
    "spark.log.level": "OFF",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.caseSensitive": "true",  # as column names are everywhere else
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "16",  # what is shuffled are counts
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
}
_SQLSTATES: Mapping[str, type[SourceError]] = {
    "07": WrongSchema,
    "0A": WrongSchema,  # what Spark cannot do
    "21": Unreadable,
    "22": Unreadable,  # a value that the query cannot compute with
    "42": WrongSchema,
    "KD": Unreadable,  # a file that is broken or away
    "2D": WrongSchema,
}
_KINDS = ((r"timestamp$", DateTime(timezone=True)), *KINDS)

_NANOSECONDS = (
    'Let Spark read nanoseconds: "spark.sql.legacy.parquet.nanosAsLong" = "true" in conf; '
    "or write microseconds"
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where statements are run: the address of a master, and settings of Spark."""

    master: str
    conf: tuple[tuple[str, str], ...] = ()


class _Sessions:
    """The Spark session of this process: one, as a Java machine beside it can hold only one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cluster: Cluster | None = None
        self._spark: SparkSession | None = None

    def of(self, cluster: Cluster) -> SparkSession:
        """The session on this cluster, started at its first use."""
        with self._lock:
            if self._spark is not None and _is_over(self._spark):
                self._spark = None
            if self._spark is not None and self._cluster != cluster:
                kept = self._cluster.master if self._cluster else ""
                raise Unreachable(
                    f"{cluster.master}: this process already uses Spark at {kept}; all models of "
                    "one daemon need the same master and conf"
                )
            if self._spark is None:
                self._spark, self._cluster = _start(cluster), cluster
            return self._spark

    def stop(self) -> None:
        """End the session, and with it the executors."""
        with self._lock:
            if self._spark is not None:
                with suppress(Exception):  # the Java machine may be gone
                    within(STOP_SECONDS, self._spark.stop, _end_machine)
            self._spark = self._cluster = None


SESSIONS = _Sessions()
"""Its Java machine, and with it the executors, end with this process."""


def _is_over(spark: SparkSession) -> bool:
    """Whether somebody stopped a session, or its Java machine died."""
    context = spark.sparkContext
    if context._jsc is None:  # noqa: SLF001
        return True
    machine = getattr(context._gateway, "proc", None)  # noqa: SLF001
    if machine is None or machine.poll() is None:
        return False
    _end_machine()
    return True


def _end_machine() -> None:
    """End the Java machine, and forget all that pyspark holds of it."""
    from pyspark import SparkContext

    machine = getattr(SparkContext._gateway, "proc", None)  # noqa: SLF001
    if machine is not None:
        machine.kill()
        with suppress(OSError):
            machine.stdin.close()
        machine.wait()
    SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001
    SparkContext._active_spark_context = None  # noqa: SLF001


def _start(cluster: Cluster) -> SparkSession:
    try:
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise Unreachable(f"{cluster.master}: {missing(str(error.name))}") from None
    _knock(cluster.master)
    logging.getLogger("SQLQueryContextLogger").disabled = True  # what it tells is raised as well
    # Spark makes a folder for tables of its own, by default where the process was started.
    own = {**_OURS, "spark.sql.warehouse.dir": f"{tempfile.gettempdir()}/modelmon-spark"}
    conf = SparkConf().setMaster(cluster.master).setAll([*own.items(), *cluster.conf])
    with tempfile.TemporaryFile() as said, warnings.catch_warnings():
        # It warns of a pandas of which nothing is used here.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        quiet = {"stdout": said, "stderr": said}

        def start() -> SparkSession:
            if SparkContext._gateway is None:  # noqa: SLF001
                SparkContext._gateway = launch_gateway(conf, quiet)  # noqa: SLF001
                SparkContext._jvm = SparkContext._gateway.jvm  # noqa: SLF001
            return SparkSession(SparkContext(conf=conf))

        try:
            return within(START_SECONDS, start, _end_machine)
        except Overdue:
            late = f"{cluster.master}: Spark did not start within {START_SECONDS:g} seconds"
            raise Unreachable(late) from None
        except Exception as error:
            said.seek(0)
            lines = [line for line in said.read().decode(errors="replace").splitlines() if line]
            shown = lines[-1] if lines else str(error).strip().partition("\n")[0]
            raise Unreachable(f"{cluster.master}: Spark does not start: {shown}") from None


def _knock(master: str) -> None:
    """Look whether a master listens: Spark itself would try for a minute, and end the process."""
    for address in master.removeprefix("spark://").split(",") * master.startswith("spark://"):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port or 0)), CONNECT_SECONDS).close()
        except ValueError:
            raise Unreachable(f"{master}: is not of the form spark://HOST:PORT") from None
        except OSError as error:
            trouble = error.strerror or error
        else:
            return
    if master.startswith("spark://"):
        raise Unreachable(f"{master}: no master answers there ({trouble})")


@dataclass(frozen=True, slots=True)
class SparkRunner:
    """Runs statements on a Spark session, each in a job group of its own that can be cancelled."""

    spark: SparkSession
    place: str
    timeout: float

    def rows(self, statement: str) -> Cells:
        return self.bounded(lambda: [tuple(row) for row in self.spark.sql(statement).collect()])

    def stream(self, statement: str, size: int) -> Iterator[Cells]:
        """The rows, one partition in the memory of the driver at a time."""
        group = uuid4().hex
        found = self._within(group, lambda: iter(self.spark.sql(statement).toLocalIterator()))

        def block() -> Cells:
            return [tuple(row) for row in islice(found, size)]

        try:
            while rows := self._within(group, block):
                yield rows
        finally:
            # An iterator that is given up reads the rest of its partition, for which nobody waits.
            started(getattr(found, "close"))  # noqa: B009  (pyspark does not tell: a generator)

    def columns(self, statement: str) -> Sequence[tuple[str, TypeEngine[Any]]]:
        found = self.bounded(lambda: self.spark.sql(statement).schema)
        return [(each.name, type_of(each.dataType.simpleString(), _KINDS)) for each in found]

    def tables(self, schema: str) -> Sequence[str]:
        found = self.bounded(lambda: self.spark.catalog.listTables(schema or None))
        return [each.name for each in found]

    def bounded(self, work: Callable[[], _T]) -> _T:
        """What Spark does, and no longer than the time-out."""
        return self._within(uuid4().hex, work)

    def _within(self, group: str, work: Callable[[], _T]) -> _T:
        """Work whose jobs are of this group. Errors of Spark leave as source errors.

        The time-out holds however Spark behaves: its sockets have none, so that a Java machine
        which answers no more would be waited for without end.
        """
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        context = self.spark.sparkContext

        def run() -> _T:
            context.setJobGroup(group, "modelmon", interruptOnCancel=True)
            return work()

        def cancel() -> None:
            scala = context._jsc.sc()  # noqa: SLF001  (Python's own cancels no job yet to come)
            scala.cancelJobGroupAndFutureJobs(group)

        try:
            return within(self.timeout, run, cancel)
        except Overdue:
            said = f"{self.place}: {too_long(self.timeout)}{self._without_executors()}"
            raise TimedOut(said) from None
        except (PySparkException, Py4JError, EOFError, OSError) as error:
            kind, said = fault(error)
            raise kind(f"{self.place}: {said}") from None

    def _without_executors(self) -> str:
        """What else is to be said where a cluster has given this process no executor."""
        context = self.spark.sparkContext
        if context.master.startswith("local"):
            return ""

        def count() -> int:
            return int(context._jsc.sc().getExecutorMemoryStatus().size())  # noqa: SLF001

        with suppress(Exception):  # it may answer no more
            if started(count).result(_LOOK_SECONDS) < 2:  # the driver counts as one
                return "; no executor is free or registered"
        return ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A Spark session for one reading; ``views`` are dropped when it is over."""

    spark: SparkSession
    place: str
    timeout: float
    views: ExitStack

    @property
    def session(self) -> TextualSession:
        return TextualSession(self.place, Spark(), self._runner)

    @property
    def _runner(self) -> SparkRunner:
        return SparkRunner(self.spark, self.place, self.timeout)

    def view(self, name: str, read: Callable[[SparkSession], DataFrame]) -> Relation:
        """A relation of what is read, as it is now, whatever it is called where it lies."""
        view = f"modelmon_{uuid4().hex}"
        # Of files the schema alone is a job.
        self._runner.bounded(lambda: read(self.spark).createOrReplaceTempView(view))
        self.views.callback(self._drop, view)
        return replace(open_table(self.session, view, ""), name=f"{self.place}: {name}")

    def _drop(self, view: str) -> None:
        runner = replace(self._runner, timeout=GRACE_SECONDS)
        with suppress(SourceError):  # of a session that is gone no view is left
            runner.bounded(lambda: self.spark.catalog.dropTempView(view))


def fault(error: Exception) -> tuple[type[SourceError], str]:
    """What an error of Spark means, and its first sentence."""
    from py4j.protocol import Py4JJavaError

    java = error.java_exception if isinstance(error, Py4JJavaError) else None
    told = str(error if java is None else java.getMessage())
    said, state = _short(told), re.search(r"SQLSTATE: (\w\w)", told)
    if "[PATH_NOT_FOUND]" in told:
        return Unreachable, said
    if "TIMESTAMP(NANOS" in told:
        return WrongSchema, f"{said} {_NANOSECONDS}"
    if "[DATA_SOURCE_NOT_FOUND]" in told:
        return WrongSchema, f"{said} Its jar must be given to Spark (conf: spark.jars)."
    if state is None and java is None:
        return Unreachable, f"the connection to Spark is gone ({said})"
    return _SQLSTATES.get(state[1] if state else "", Unreachable), said


def _short(text: str) -> str:
    """The first line, without codes."""
    first = text.strip().partition("\n")[0].partition(" SQLSTATE:")[0]
    return re.sub(r"^\[[\w.]+\] ", "", first).strip()
