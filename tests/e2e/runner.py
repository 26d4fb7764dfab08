"""The command line in a child process that starts in milliseconds, so that many can be killed."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

PRELOAD = ["monitor.cli", "monitor.cli.ops", "monitor.daemon", "monitor.web", "tests.e2e.runner"]


def start(*arguments: str, output: Path | None = None) -> BaseProcess:
    """``modelmon ARGUMENTS`` in a fresh process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    child = context.Process(target=_run, args=(arguments, str(output or os.devnull)), daemon=True)
    child.start()
    return child


def _run(arguments: tuple[str, ...], output: str) -> None:
    with Path(output).open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        sys.stdout = sys.stderr = stream
        sys.argv = ["modelmon", *arguments]
        from monitor.cli import main

        main()
