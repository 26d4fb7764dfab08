from __future__ import annotations

import doctest
import sys

import pytest

from checks.check import catalogue


@pytest.mark.parametrize("check", catalogue().values(), ids=lambda c: c.name)
def test_the_example_of_every_check_holds(check):
    module = sys.modules[check.compute.__module__]
    found = doctest.DocTestFinder().find(check.compute, check.name, globs=dict(vars(module)))
    results = [doctest.DocTestRunner(verbose=False).run(each) for each in found]
    assert sum(result.attempted for result in results), "the docstring has no example"
    assert not sum(result.failed for result in results), "see the output"
