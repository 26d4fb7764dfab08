"""Row rules: a small language of conditions on one row, parsed into a tree; nothing is executed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

LONGEST = 2_000
DEEPEST = 50
MOST_STEPS = 100
"""Signs of arithmetic: each lies within the next one, and databases bound how deep."""

Kind = Literal["number", "text", "truth"]
Word = Literal["and", "or"]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<text>'(?:[^']|'')*')"
    r'|(?P<quoted>"(?:[^"]|"")+")|(?P<word>[^\W\d]\w*)|(?P<sign><=|>=|<>|!=|==|[-+*/()=<>,]))'
)
WORDS = {"and", "or", "not", "in", "is", "null", "between", "true", "false"}
_COMPARISONS = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">"} | {
    ">=": ">="
}


class BadExpression(ValueError):
    """An expression that cannot be read; ``at`` is the column, from 1, where it goes wrong."""

    def __init__(self, said: str, at: int) -> None:
        super().__init__(f"column {at}: {said}")
        self.at = at


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the log; its cells are read as what they are compared with."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text or a truth."""

    value: float | str | bool


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers joined by + - * or /; by 0 nothing is divided: the result is not known."""

    sign: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values of one kind held against each other."""

    sign: str
    left: Value
    right: Value
    kind: Kind


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether a cell is null."""

    column: Column


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of what is not known it is not known."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class Joined:
    """Two conditions joined by ``and`` or ``or``, in the three-valued logic of SQL."""

    word: Word
    left: Condition
    right: Condition


Value = Column | Constant | Arithmetic
Condition = Comparison | Missing | Not | Joined
_Rule = Callable[[], "Condition | Value"]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@lru_cache(maxsize=256)
def parse(text: str) -> Condition:
    """The condition that a text states.

    Comparisons (``= != < <= > >=``), ``and``, ``or``, ``not``, ``in (...)``, ``between ... and``,
    ``is null``, ``+ - * /``, numbers, texts in single quotes, ``true`` and ``false``, and names of
    columns, in double quotes where they are no plain word. A column that is compared with a text
    is read as text, any other as a number.

    >>> print(*sorted(columns_of(parse("amount >= 0 and country in ('DE', 'AT')"))))
    amount country
    >>> parse("amount >= ")
    Traceback (most recent call last):
    monitor.expression.BadExpression: column 11: a value is missing at the end

    Raises:
        BadExpression: it is no condition; it names the place.
    """
    if len(text) > LONGEST:
        raise BadExpression(f"longer than {LONGEST:,} characters", LONGEST + 1)
    return _Parser(list(_tokens(text)), len(text) + 1).whole()


def columns_of(tree: Condition | Value) -> frozenset[str]:
    """The names of the columns that it looks at."""
    if isinstance(tree, Column):
        return frozenset((tree.name,))
    parts = (getattr(tree, each.name) for each in fields(tree))
    known = (Column, Constant, Arithmetic, Comparison, Missing, Not, Joined)
    return frozenset().union(*(columns_of(part) for part in parts if isinstance(part, known)))


def columns_in(text: str) -> frozenset[str]:
    """The names of the columns that a condition looks at; BadExpression where it is none."""
    return columns_of(parse(text))


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            at = len(text) - len(text[place:].lstrip())
            raise BadExpression(_meaningless(text[at]), at + 1)
        kind = str(found.lastgroup)
        word = found[kind]
        if kind == "word" and word.lower() in WORDS:
            kind, word = "sign", word.lower()
        yield _Token(kind, word, found.start(found.lastgroup or 0) + 1)
        place = found.end()


def _meaningless(sign: str) -> str:
    """What is said of a character that begins nothing: a quote is one that is never closed."""
    if sign in "'\"":
        what = "text" if sign == "'" else "name of a column"
        return f"the {what} that begins here has no closing {sign}"
    return f"{sign!r} means nothing here"


class _Parser:
    """Recursive descent over the tokens: or, and, not, a comparison, a sum, a product, a value."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens, self._next = tokens, 0
        self._depth, self._steps = 0, 0
        self._end = _Token("end", "", end)

    def whole(self) -> Condition:
        tree = self._condition(self._or())
        if self._here.kind != "end":
            raise self._wrong(f"{self._here.text!r} is not expected here")
        return tree

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _take(self, *texts: str) -> str | None:
        here = self._here
        if here.kind == "sign" and here.text in texts:
            self._next += 1
            return here.text
        return None

    def _require(self, text: str) -> None:
        if self._take(text) is None:
            raise self._wrong(f"{text!r} is missing")

    def _wrong(self, said: str, at: int = 0) -> BadExpression:
        """The error at a place: that of the next token, unless another is given."""
        if at:
            return BadExpression(said, at)
        return BadExpression(said + " at the end" * (self._here.kind == "end"), self._here.at)

    def _condition(self, tree: Condition | Value) -> Condition:
        if isinstance(tree, Column | Constant | Arithmetic):
            raise self._wrong("a comparison such as = 1 is missing")
        return tree

    def _or(self) -> Condition | Value:
        return self._joined("or", self._and)

    def _and(self) -> Condition | Value:
        return self._joined("and", self._not)

    def _joined(self, word: Word, rule: _Rule) -> Condition | Value:
        tree = rule()
        parts: list[Condition] = []
        while self._take(word):
            parts = parts or [self._condition(tree)]
            parts.append(self._condition(rule()))
        return _balanced(word, parts) if parts else tree

    def _not(self) -> Condition | Value:
        if not self._take("not"):
            return self._compared()
        with_more = self._deeper(self._not)
        return Not(self._condition(with_more))

    def _deeper(self, rule: _Rule) -> Condition | Value:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong(f"nested more than {DEEPEST} deep")
        tree = rule()
        self._depth -= 1
        return tree

    def _compared(self) -> Condition | Value:
        left = self._sum()
        if not isinstance(left, Column | Constant | Arithmetic):
            return left
        if sign := self._take(*_COMPARISONS):
            return self._comparison(_COMPARISONS[sign], left)
        if self._take("is"):
            return self._missing(left)
        negated = self._take("not")
        if self._take("in"):
            tree = self._among(left)
        elif self._take("between"):
            low = self._comparison(">=", left)
            self._require("and")
            tree = Joined("and", low, self._comparison("<=", left))
        elif negated:
            raise self._wrong("'in' or 'between' is missing")
        else:
            return left
        return Not(tree) if negated else tree

    def _missing(self, left: Value) -> Condition:
        negated = self._take("not")
        self._require("null")
        if not isinstance(left, Column):
            raise self._wrong("'is null' is asked of a column")
        return Not(Missing(left)) if negated else Missing(left)

    def _among(self, left: Value) -> Condition:
        self._require("(")
        parts: list[Condition] = [self._comparison("=", left)]
        while self._take(","):
            parts.append(self._comparison("=", left))
        self._require(")")
        return _balanced("or", parts)

    def _comparison(self, sign: str, left: Value) -> Comparison:
        at = self._here.at
        right = self._value(self._sum(), at)
        kinds = {kind for kind in (_kind(left), _kind(right)) if kind}
        if len(kinds) > 1:
            raise self._wrong(f"a {' and a '.join(sorted(kinds))} cannot be compared", at)
        kind: Kind = kinds.pop() if kinds else "number"
        if kind == "truth" and sign not in ("=", "!="):
            raise self._wrong("true and false have no order", at)
        return Comparison(sign, left, right, kind)

    def _value(self, tree: Condition | Value, at: int) -> Value:
        if isinstance(tree, Column | Constant | Arithmetic):
            return tree
        raise self._wrong("a value is needed, not a condition", at)

    def _number(self, tree: Condition | Value, at: int) -> Value:
        value = self._value(tree, at)
        if _kind(value) in ("text", "truth"):
            raise self._wrong("only numbers can be added or multiplied", at)
        return value

    def _sum(self) -> Condition | Value:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Condition | Value:
        return self._chain(self._unary, "*", "/")

    def _chain(self, rule: _Rule, *signs: str) -> Condition | Value:
        first = self._here.at
        tree = rule()
        while sign := self._take(*signs):
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise self._wrong(f"more than {MOST_STEPS} signs of arithmetic")
            left, at = self._number(tree, first), self._here.at
            tree = Arithmetic(sign, left, self._number(rule(), at))
        return tree

    def _unary(self) -> Condition | Value:
        if self._take("-"):
            at = self._here.at
            return Arithmetic("-", Constant(0.0), self._number(self._deeper(self._unary), at))
        return self._atom()

    def _atom(self) -> Condition | Value:
        here = self._here
        if self._take("("):
            tree = self._deeper(self._or)
            self._require(")")
            return tree
        if word := self._take("true", "false"):
            return Constant(word == "true")
        if here.kind in ("end", "sign"):
            said = "a value is missing" if here.kind == "end" else "a value is expected"
            raise self._wrong(f"{said}; write `is null`" if here.text == "null" else said)
        self._next += 1
        if here.kind == "number":
            return Constant(float(here.text))
        if here.kind == "text":
            return Constant(here.text[1:-1].replace("''", "'"))
        quoted = here.kind == "quoted"
        return Column(here.text[1:-1].replace('""', '"') if quoted else here.text)


def _balanced(word: Word, parts: Sequence[Condition]) -> Condition:
    """The parts joined in halves, so that a thousand of them lie ten deep."""
    if len(parts) == 1:
        return parts[0]
    middle = (len(parts) + 1) // 2
    return Joined(word, _balanced(word, parts[:middle]), _balanced(word, parts[middle:]))


def _kind(value: Value) -> Kind | None:
    """What a value is by itself; a column is what it is compared with."""
    match value:
        case Constant(bool()):
            return "truth"
        case Constant(str()):
            return "text"
        case Column():
            return None
    return "number"
