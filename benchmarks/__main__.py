"""``python -m benchmarks [SECTION ...]``: measure, and write the page."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from benchmarks.page import PAGE, about, markdown, written

SECTIONS = ("window", "sql", "incremental", "fleet", "catalogue")


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen benchmarks, one after the other; each is written as soon as it is done."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    for key in asked.sections:
        if key not in SECTIONS:
            parser.error(f"there is no benchmark {key!r}; choose from {', '.join(SECTIONS)}")
    for key in asked.sections or SECTIONS:
        print(f"{key}: the measurements", file=sys.stderr, flush=True)
        section = import_module(f"benchmarks.{key}").section(asked.runs, tiny=asked.tiny)
        body = markdown(section, about(asked.runs, asked.date))
        print(f"## {key}\n\n{body}\n", flush=True)
        page: Path | None = asked.output or (None if asked.tiny else PAGE)
        if page is not None:
            page.write_text(written(page.read_text(encoding="utf-8"), key, body), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="section", help=f"of {SECTIONS}; all by default"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement")
    parser.add_argument("--tiny", action="store_true", help="at sizes that take seconds; no page")
    parser.add_argument("--date", default=f"{datetime.now(UTC):%Y-%m-%d}", help="said in the page")
    parser.add_argument("--output", type=Path, help=f"the page to write in  [{PAGE.name}]")
    return parser


if __name__ == "__main__":
    main()
