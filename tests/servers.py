"""Real servers for tests: started on free ports of 127.0.0.1, ended by their process id."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import psycopg
import pytest
import requests

START_SECONDS = 30
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Options of Java machines that live for a minute: most of it goes into compiling, else."""


def require(name: str, folder: str = "") -> str:
    """The path of a program, also in a ``folder`` that need not be on the PATH.

    Skips the test where it is missing, or fails if it must be there: MODELMON_REQUIRE_SERVERS=1
    says that it must.
    """
    path = shutil.which(name) or shutil.which(f"{folder}/{name}")
    return path or _missing(f"{name} is not installed")


def require_module(name: str) -> ModuleType:
    """A package of an extra; skips the test where it is missing or does not import.

    MODELMON_REQUIRE_ENGINES=1 says that it must be there. It is a switch of its own: all engines
    together are two gigabytes.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        return _missing(f"{name} does not import: {error}", "MODELMON_REQUIRE_ENGINES")


def _missing(said: str, switch: str = "MODELMON_REQUIRE_SERVERS") -> NoReturn:
    if os.environ.get(switch) == "1":
        pytest.fail(f"{said}, and {switch}=1")
    pytest.skip(said)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a fresh PostgreSQL server with an empty database."""
    bindir = subprocess.check_output([require("pg_config"), "--bindir"], text=True).strip()
    initdb, server = require(f"{bindir}/initdb"), require(f"{bindir}/postgres")
    owner = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if owner:
            shutil.chown(folder, owner, owner)
        data, port = Path(folder, "data"), free_port()
        make = [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [*make, "--locale=C.UTF-8"], user=owner, cwd=folder, check=True, capture_output=True
        )
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        command = [server, "-D", data, "-p", str(port)]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, user=owner, cwd=folder, stdout=log, stderr=log)
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            _await_postgres(url, process, Path(folder, "log"))
            yield url
        finally:
            process.send_signal(signal.SIGINT)  # "fast": ends its sessions and itself
            process.wait(START_SECONDS)


def _await_postgres(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


@contextmanager
def mariadb() -> Iterator[str]:
    """The URL of a fresh MariaDB server with an empty database."""
    install, server = require("mariadb-install-db"), require("mariadbd", "/usr/sbin")
    owner = "mysql" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder:
        if owner:
            shutil.chown(folder, owner, owner)
        data, port, log = Path(folder, "data"), free_port(), Path(folder, "log")
        # No file of defaults: the machine's own may name folders that only its service may use.
        make = [install, "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        make += ["--auth-root-authentication-method=normal", "--skip-log-bin"]
        subprocess.run(make, user=owner, cwd=folder, check=True, capture_output=True)
        command = [server, "--no-defaults", f"--datadir={data}", f"--socket={folder}/socket"]
        command += [f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder}/pid"]
        command += [f"--tmpdir={folder}"]  # a server that starts empties that of another
        command += ["--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4"]
        with log.open("wb") as written:
            process = subprocess.Popen(
                command, user=owner, cwd=folder, stdout=written, stderr=written
            )
        try:
            _await_mariadb(port, process, log)
            yield f"mysql+pymysql://root@127.0.0.1:{port}/log"
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _await_mariadb(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    pymysql = require_module("pymysql")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connection = pymysql.connect(host="127.0.0.1", port=port, user="root")
        except pymysql.OperationalError:
            time.sleep(0.1)
        else:
            with connection, connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE log")
            return
    raise RuntimeError(f"MariaDB did not start:\n{log.read_text(errors='replace')}")


@contextmanager
def prometheus(config_text: str) -> Iterator[str]:
    """The URL of a Prometheus server that runs with this configuration."""
    server = require("prometheus")
    with tempfile.TemporaryDirectory(prefix="prometheus-") as folder:
        config, port = Path(folder, "prometheus.yml"), free_port()
        config.write_text(config_text)
        command = [server, f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle"]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _await_prometheus(url, process, Path(folder, "log"))
            yield url
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _await_prometheus(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{url}/-/ready", timeout=2).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not start:\n{log.read_text(errors='replace')}")


@dataclass(frozen=True, slots=True)
class SparkCluster:
    """A standalone Spark cluster; each worker keeps the files of its executors in a folder."""

    master: str
    workers: tuple[Path, ...]


@contextmanager
def spark_cluster(workers: int = 2) -> Iterator[SparkCluster]:
    """A fresh Spark master and workers of one core and 512 MB each, from the pyspark package."""
    java, home = require("java"), Path(str(require_module("pyspark").__file__)).parent
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    settings = {
        "SPARK_HOME": str(home),
        "SPARK_SCALA_VERSION": "2.13",  # else executors look for a build of Spark to find it
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    options = [*SHORT_LIVED.split(), "-Xmx256m", "-Dspark.master.rest.enabled=false"]
    options += ["-cp", f"{home}/jars/*"]
    deploy = "org.apache.spark.deploy"
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="spark-") as folder, ExitStack() as ended:

        def start(name: str, words: Sequence[str]) -> Path:
            log = Path(folder, f"{name}.log")
            command = [java, *options, *words, "--host", "127.0.0.1", "--webui-port", "0"]
            with log.open("wb") as written:
                process = subprocess.Popen(
                    command, env=os.environ | settings, cwd=folder, stdout=written, stderr=written
                )
            processes.append(process)
            ended.callback(_end, process)
            return log

        log = start("master", [f"{deploy}.master.Master", "--port", str(port)])
        _await_said(log, "I have been elected leader", 1, processes)
        folders = tuple(Path(folder, f"worker-{number}") for number in range(workers))
        for each in folders:
            limits = ["--cores", "1", "--memory", "512m", "--work-dir", str(each)]
            start(each.name, [f"{deploy}.worker.Worker", master, *limits])
        _await_said(log, "Registering worker", workers, processes)
        yield SparkCluster(master, folders)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(START_SECONDS)


def _await_said(
    log: Path, said: str, times: int, processes: Sequence[subprocess.Popen[bytes]]
) -> None:
    deadline = time.monotonic() + 2 * START_SECONDS
    while log.read_text(errors="replace").count(said) < times:
        if time.monotonic() > deadline or any(each.poll() is not None for each in processes):
            raise RuntimeError(f"Spark did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)
