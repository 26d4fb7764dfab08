"""Real servers for tests: started on free ports of 127.0.0.1, ended by their process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import requests

START_SECONDS = 30


def require(name: str) -> str:
    """The path of a program; skips the test where it is missing, or fails if it must be there.

    MODELMON_REQUIRE_SERVERS=1 says that it must.
    """
    path = shutil.which(name)
    if path is None:
        said = f"{name} is not installed"
        if os.environ.get("MODELMON_REQUIRE_SERVERS") == "1":
            pytest.fail(f"{said}, and MODELMON_REQUIRE_SERVERS=1")
        pytest.skip(said)
    return path


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
