"""The command line: the only package that prints, and the one place that knows exit codes.

0 fine, 1 a verdict at or above --fail-on, 2 wrong usage or configuration, 3 a source or the state
could not be read. Command modules import what they need when they run, so that help is instant.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from monitor._version import __version__

_COMMANDS = {
    "demo": "demo",
    "init": "init",
    "validate": "ops",
    "checks": "checks",
    "plan": "plan",
    "run": "ops",
    "status": "ops",
    "send-test": "ops",
    "db": "ops",
    "drift": "drift",
    "check": "judge",
    "report": "judge",
    "backtest": "judge",
    "baseline": "baseline",
}


class _Commands(click.Group):
    """Commands in the order a newcomer meets them, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"monitor.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from monitor.hints import suggest

            ctx.fail(f"no such command {args[0]!r}; {suggest(args[0], _COMMANDS)}")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="modelmon")
def cli() -> None:
    """Drift, data-quality and performance monitoring for models in production."""


def main() -> None:
    """Run the command line; bad input ends in one sentence on stderr, never in a traceback."""
    # Our vectors are short: a linear-algebra library's threads would only spin beside the work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        status = cli.main(prog_name="modelmon", standalone_mode=False)
    except click.ClickException as error:
        _wrong(error)
        sys.exit(2)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        sys.exit(_told(error))
    sys.exit(status if isinstance(status, int) else 0)


def _wrong(error: click.ClickException) -> None:
    """Say what was wrong about the call in one sentence; a command group alone gets its help."""
    said = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None or said.startswith("Usage:"):
        error.show()
        return
    sentence = f"{said[:1].lower()}{said[1:]}".rstrip(".")
    click.echo(f"{context.command_path}: {sentence} (see {context.command_path} --help)", err=True)


def _told(error: Exception) -> int:
    """Say what went wrong in one sentence, and return the exit code."""
    from monitor.model import ConfigError
    from monitor.report.evidently import EvidentlyFailed
    from monitor.sources import SourceError
    from monitor.store import StoreError
    from monitor.web import ListenError

    if isinstance(error, ConfigError):
        for problem in error.problems:
            click.echo(problem, err=True)
        return 2
    if isinstance(error, SourceError | StoreError | EvidentlyFailed | ListenError):
        click.echo(f"modelmon: {error}", err=True)
        return 3
    if isinstance(error, OSError):
        click.echo(f"modelmon: {error.strerror or error}: {error.filename or 'output'}", err=True)
        return 3
    raise error
