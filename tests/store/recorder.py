"""Records one day after the other and says so, until it is killed: `recorder.py URL FIRST`."""

from __future__ import annotations

import sys

from monitor.store import Store
from tests.store.examples import record

FINDINGS = 40


def main(url: str, first: int) -> None:
    with Store.open(url) as store:
        for number in range(first, first + 10_000):
            store.record(record(number, findings=FINDINGS))
            print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
