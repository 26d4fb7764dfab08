"""``modelmon checks``: what can be checked, with limits, formulas and sources."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from monitor.cli.options import format_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checks.check import Check

_NARROWEST = 60


@click.command()
@click.argument("words", nargs=-1, metavar="[NAME|WORD]...")
@click.option(
    "--for",
    "subject",
    default=None,
    metavar="SUBJECT",
    help="Only those of one subject: a kind of column such as numeric, a task, or the log itself.",
)
@click.option("--default", "default", is_flag=True, help="Only those that run unasked.")
@format_option("text", "json", "markdown")
def checks(words: Sequence[str], subject: str | None, default: bool, form: str) -> None:
    """List the checks, or show one by its NAME; WORDs look through names and descriptions.

    Those marked * run by default; a model asks for others in monitor.toml.
    """
    from checks.check import catalogue
    from monitor.handbook import SUBJECTS, chosen, described, page
    from monitor.hints import suggest

    if subject is not None and subject not in SUBJECTS:
        hint = suggest(subject, SUBJECTS)
        raise click.BadParameter(f"{subject!r} is no subject; {hint}", param_hint="--for")
    known = catalogue()
    found = [known[word] for word in words if word in known]
    named = len(found) == len(words) > 0
    if not named:
        found = chosen(subject or "", words, default=default)
    if not found:
        raise click.UsageError(_nothing(words, list(known)))
    if form == "json":
        _print_records(found)
    elif form == "markdown":
        click.echo(page(found), nl=False)
    elif named:
        click.echo("\n\n\n".join(str(described(each)) for each in found))
    else:
        click.echo("\n".join(_listed(found)))


def _nothing(words: Sequence[str], names: Sequence[str]) -> str:
    from monitor.hints import suggest

    if len(words) == 1:
        return f"no check is named or mentions {words[0]!r}; {suggest(words[0], names)}"
    return "no check fits all of this; leave out a word or an option"


def _print_records(found: Sequence[Check]) -> None:
    from dataclasses import asdict

    from monitor.cli.show import show_json
    from monitor.handbook import described

    show_json(asdict(described(each)) for each in found)


def _listed(found: Sequence[Check]) -> Iterator[str]:
    """A line for each check by chapter, as wide as the terminal."""
    from itertools import groupby

    from monitor.handbook import described

    width = max(shutil.get_terminal_size((100, 24)).columns, _NARROWEST)
    every = sorted(map(described, found), key=lambda each: (each.chapter, each.name))
    names = max(len(each.name) for each in every)
    for chapter, group in groupby(every, lambda each: each.chapter):
        yield f"{chapter}"
        for each in group:
            mark = "*" if each.default else " "
            line = f" {mark} {each.name:<{names}}  {each.summary}"
            yield line if len(line) <= width else line[: width - 1] + "…"
        yield ""
    yield "* runs by default; modelmon checks NAME shows formula, limits and source"
