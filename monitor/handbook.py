"""The handbook of checks: what each measures and needs, told from its docstring and its defaults.

``python -m monitor.handbook`` writes the page of all checks, and with ``--check`` it says whether
the page is outdated.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from checks.check import Check, Parameter, catalogue
from checks.delays import Delays
from checks.embedding import EmbeddingProfile
from checks.joint import FourierMeans, JointMoments
from checks.log import LogProfile
from checks.outcome import BinaryOutcome, ForecastOutcome, RegressionOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_labels import MultilabelOutcome
from checks.outcome_ranking import RankingOutcome
from checks.profile import CategoricalProfile, NumericProfile
from checks.sample import RowSample
from checks.strata import Strata

PAGE = Path(__file__).parents[1] / "docs" / "checks.md"

SUBJECTS: Mapping[str, tuple[type, ...]] = {
    "numeric": (NumericProfile,),
    "categorical": (CategoricalProfile,),
    "together": (FourierMeans, JointMoments, RowSample),
    "embeddings": (EmbeddingProfile,),
    "binary": (BinaryOutcome,),
    "multiclass": (MulticlassOutcome,),
    "multilabel": (MultilabelOutcome,),
    "regression": (RegressionOutcome,),
    "forecasting": (ForecastOutcome, RegressionOutcome),
    "ranking": (RankingOutcome,),
    "clustering": (RowSample,),
    "none": (
        *(NumericProfile, CategoricalProfile, EmbeddingProfile),
        *(FourierMeans, JointMoments, LogProfile),
    ),
    "segments": (Strata,),
    "delays": (Delays,),
    "log": (LogProfile,),
}
"""What can be checked, and the profiles that are kept of it."""

_OF = {
    NumericProfile: "numeric columns",
    CategoricalProfile: "categorical columns",
    FourierMeans: "the numeric features together",
    JointMoments: "the numeric features together",
    EmbeddingProfile: "embeddings",
    RowSample: "a sample of rows",
    BinaryOutcome: "the outcome of a binary model",
    MulticlassOutcome: "the outcome of a multiclass model",
    MultilabelOutcome: "the outcome of a model with sets of labels",
    RegressionOutcome: "the outcome of a regression",
    ForecastOutcome: "the outcome of forecasts",
    RankingOutcome: "the outcome of a ranker",
    Delays: "the delays of labels",
    LogProfile: "the log",
    Strata: "the outcome by segments",
}
_NEEDS = {
    "clusters": "clusters as predictions",
    "id": "an id column",
    "all labels": "all labels",
    "label": "labels",
    "label_timestamp": "times of labels",
    "prediction": "predictions",
    "lower": "prediction intervals",
    "score": "scores",
    "scores": "scores of all classes",
    "weight": "weights of rows",
    "shape": "a log of requests",
}
_BAD = {"above": "more is worse", "below": "less is worse", "both": "both ways"}
_FORMULA = re.compile(r"\s*Formula: (.*?)(?=\s+Source: |\Z)", re.DOTALL)
_SOURCE = re.compile(r"\s*Source: (.*)\Z", re.DOTALL)
_CITED = re.compile(r"\(([^()]*\D(?:1[89]|20)\d\d[^()]*)\)")
_AUTHORED = re.compile(r"((?:[A-Z][\w-]+(?:, | & | and )?)+)(?:'s)? \(((?:1[89]|20)\d\d)\)")
_CODE = re.compile(r"``([^`]+)``")


@dataclass(frozen=True, slots=True)
class Described:
    """A check in words, each without markup but for code in backquotes.

    ``text`` are the paragraphs of the docstring without the ``formula``, the ``source`` and the
    ``example``; any of the last three is empty where there is none.
    """

    name: str
    chapter: str
    summary: str
    text: tuple[str, ...]
    formula: str
    source: str
    example: str
    of: str
    unit: str
    direction: str
    warning: str
    critical: str
    needs: str
    weights: str
    minimum: int
    default: bool
    parameters: Mapping[str, Parameter]

    def __str__(self) -> str:
        """All of it for a terminal."""
        facts = [f"{name + ':':<10} {value}" for name, value in self.facts()]
        parts = [f"{self.name}: {self.summary}", *self.text, "\n".join(facts), self.example]
        return "\n\n".join(filter(None, parts))

    def facts(self) -> Iterator[tuple[str, str]]:
        """What there is to know beside the text, by name."""
        yield "measures", self.of
        if self.formula:
            yield "formula", self.formula
        if self.unit:
            yield "unit", self.unit
        yield "direction", self.direction
        yield "limits", self.limits
        if self.needs:
            yield "needs", self.needs
        if self.weights:
            yield "weights", self.weights
        if self.minimum:
            yield "minimum", f"{self.minimum} values on each side"
        if self.parameters:
            yield "settings", ", ".join(f"{k} = {_toml(v)}" for k, v in self.parameters.items())
        yield "runs", "by default" if self.default else "where a model asks for it"
        if self.source:
            yield "source", self.source

    @property
    def limits(self) -> str:
        """The default limits in words."""
        if self.warning == self.critical == "none":
            return "none of its own"
        return f"warning {self.warning}, critical {self.critical}"


def described(check: Check) -> Described:
    """A check in words."""
    paragraphs = (inspect.getdoc(check.compute) or "").split("\n\n")
    examples = [each for each in paragraphs if each.startswith(">>>")]
    prose = [" ".join(each.split()) for each in paragraphs if not each.startswith(">>>")]
    formula, source, rest = _taken(prose[1:])
    summary = prose[0]
    warning, critical = _limits(check)
    return Described(
        check.name,
        _chapter(check.compute.__module__),
        summary,
        tuple(rest),
        formula or _after_colon(summary),
        source or "; ".join(_cited(" ".join([summary, *rest]))),
        "\n\n".join(examples),
        " and ".join(dict.fromkeys(_OF[kind] for kind in check.takes)),
        "share of 1" if check.unit == "ratio" else check.unit,
        _BAD[check.direction],
        warning,
        critical,
        _NEEDS.get(check.needs, check.needs),
        _weights(check),
        check.minimum,
        check.default,
        check.parameters,
    )


def _taken(paragraphs: Iterable[str]) -> tuple[str, str, list[str]]:
    """The formula, the source, and the paragraphs without them."""
    formula = source = ""
    rest = []
    for each in paragraphs:
        left = each
        if found := _FORMULA.search(left):
            formula, left = found[1], left[: found.start()] + left[found.end() :]
        if found := _SOURCE.search(left):
            source, left = found[1].rstrip("."), left[: found.start()]
        rest.append(left.strip())
    return formula, source, [each for each in rest if each]


def _after_colon(summary: str) -> str:
    """The formula that a summary ends with, where it has one."""
    formula = summary.rpartition(": ")[2].rstrip(".")
    return formula if re.search(r"[/+=]", formula) and ": " in summary else ""


def _cited(text: str) -> list[str]:
    """What a text cites: in brackets altogether, or by author and then the year in brackets.

    >>> _cited("Wilson's (1927), not that of a mean (Student, 1908), as Cohen and Kay (1999) say.")
    ['Student, 1908', 'Wilson, 1927', 'Cohen and Kay, 1999']
    """
    authored = (", ".join(found) for found in _AUTHORED.findall(text))
    return list(dict.fromkeys([*_CITED.findall(text), *authored]))


def _limits(check: Check) -> tuple[str, str]:
    if check.slack is None:
        return _limit(check.warning), _limit(check.critical)
    sign = {"above": "+", "below": "-", "both": "±"}[check.direction]
    of = " of it" if check.relative else ""
    warning, critical = (
        f"the reference {sign} {100 * each:.4g} %{of}"
        if check.relative
        else f"the reference {sign} {each:.4g}"
        for each in check.slack
    )
    return warning, critical


def _weights(check: Check) -> str:
    """Whether weights of rows matter to a check of outcomes that may have them."""
    if not set(check.takes) & {BinaryOutcome, MulticlassOutcome, RegressionOutcome}:
        return ""
    return "each row counts by its own" if check.weighted else "not used, each row counts the same"


def _limit(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:.4g}"


def _toml(value: Parameter) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


def _chapter(module: str) -> str:
    """What a module of checks is about, by its first line."""
    line = (inspect.getdoc(importlib.import_module(module)) or "").partition("\n")[0]
    return re.split(r"[:,.]| by | in plain ", line)[0]


def chosen(subject: str = "", words: Iterable[str] = (), *, default: bool = False) -> list[Check]:
    """The checks of a subject of `SUBJECTS` ("": all) whose name or text has all the words.

    >>> [check.name for check in chosen("log", ["rows", "replays"])]
    ['duplicate_ids', 'row_surge']
    """
    wanted = SUBJECTS[subject] if subject else ()
    lowered = [word.lower() for word in words]
    return [
        check
        for check in catalogue().values()
        if (not subject or set(check.takes) & set(wanted))
        and (check.default or not default)
        and all(word in f"{check.name} {inspect.getdoc(check.compute)}".lower() for word in lowered)
    ]


def page(checks: Iterable[Check]) -> str:
    """The page of these checks as Markdown, by chapter."""
    every = [described(check) for check in checks]
    every.sort(key=lambda each: (each.chapter, each.name))
    chapters = [(name, list(group)) for name, group in groupby(every, lambda each: each.chapter)]
    parts = [_INTRODUCTION.format(count=len(every))]
    for name, group in chapters:
        parts += [f"## {name}", _table(group), *map(_entry, group)]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """# Checks

<!-- Written by `python -m monitor.handbook` from the docstrings; edit those. -->

All {count} checks, by what they are about. `modelmon checks` lists them in a terminal, and
`modelmon checks NAME` shows one. Those in **bold** run unasked; a model asks for another with a
line `NAME = true` below `[models.….checks]`, and any limit can be set there. A limit of "the
reference" is learnt when the baseline is made. A check that cannot be computed says why; it never
gives 0 or nothing for that.

What is fine tells how small a change it would have shown four times in five (`detectable`): of a
number with an interval by the width of it, of a distance by its standard error under a change of
the size of the limit, and of what is counted, such as rows and seconds, it is the limit itself.
The changes thought of are a shift of a numeric column and a level that becomes more frequent. For
`mmd` and `centroid_distance` it is an upper bound, since only the whole spread of their rows is
kept. Where it cannot be told, as for a limit that a share can never break, a reason stands instead.

A table with `warning` or `critical` takes the place of both default limits.

A check may be asked for more than once, as a list of tables. Each is about the `columns` it lists,
the one without a list about all others. A table with a `name` is a check of its own, whatever the
others list: two may be about the same column, and findings tell them apart as `quantile.p50` and
`quantile.p99`:

```toml
psi = [
    {{ critical = 0.25 }},
    {{ critical = 0.5, columns = ["channel"] }},
]
quantile = [
    {{ name = "p50", share = 0.5, columns = ["latency"] }},
    {{ name = "p99", share = 0.99, columns = ["latency"], critical = 900.0 }},
]
```"""


def _table(group: Iterable[Described]) -> str:
    lines = ["| check | what it tells | warning | critical |", "|---|---|---|---|"]
    for each in group:
        name = (
            f"**[{each.name}](#{each.name})**" if each.default else f"[{each.name}](#{each.name})"
        )
        lines.append(f"| {name} | {_marked(each.summary)} | {each.warning} | {each.critical} |")
    return "\n".join(lines)


def _entry(each: Described) -> str:
    facts = "\n".join(f"- {name}: {_marked(value)}" for name, value in each.facts())
    text = [_marked(part) for part in each.text]
    return "\n\n".join([f"### {each.name}", _marked(each.summary), *text, facts])


def _marked(text: str) -> str:
    """Text as Markdown: names in backquotes as code, and nothing that would be taken for markup."""
    parts = _CODE.sub(r"`\1`", text).split("`")
    parts[::2] = [
        part.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;") for part in parts[::2]
    ]
    return "`".join(parts)


def outdated() -> bool:
    """Whether the page of all checks is not what it would be now."""
    return not PAGE.exists() or PAGE.read_text() != page(catalogue().values())


def main(arguments: list[str]) -> int | str:
    """Write the page, or check it: the exit code, or what is wrong in a sentence."""
    if arguments not in ([], ["--check"]):
        return "usage: python -m monitor.handbook [--check]"
    if not arguments:
        PAGE.write_text(page(catalogue().values()))
    return f"docs/{PAGE.name}: outdated; run python -m monitor.handbook" if outdated() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
