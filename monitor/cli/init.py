"""``modelmon init``: a look at a log becomes a commented monitor.toml."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.options import notice, writable


@click.command()
@click.argument("log")
@click.option(
    "--output",
    "-o",
    default="monitor.toml",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The file to write.",
)
@click.option("--name", default=None, help="What to call the model.  [default: the log's name]")
@click.option("--timestamp", default=None, help="The column of times, where no name tells it.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(log: str, output: Path, name: str | None, timestamp: str | None, force: bool) -> None:
    """Look at LOG (a file, folder, glob or URL#TABLE) and write a monitor.toml for it."""
    from monitor.config import load
    from monitor.scaffold import scaffold

    if output.exists() and not force:
        raise click.UsageError(f"{output} exists; --force overwrites it")
    writable(output)
    text, notices = scaffold(log, name, output.resolve().parent, timestamp)
    output.write_text(text, encoding="utf-8")
    notice(notices)
    config = load(output)
    notice(config.notes)
    click.echo(f"{output}: written; look it over, then: modelmon check --config {output}")
