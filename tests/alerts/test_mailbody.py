from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from alerts.mailbody import as_html
from alerts.message import Cause, Link, Message

Make = Callable[..., Message]
EMPTY = {"meta", "br", "img", "!doctype"}


class Page(HTMLParser):
    """What a browser finds on the page; it fails where a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.pictures: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert not any(name.startswith("on") for name in given)
        if tag == "a":
            self.links.append(given["href"])
        if tag == "img":
            self.pictures.append((given["src"], given["alt"]))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.words)


def test_a_page_says_all_that_the_text_says(message: Make) -> None:
    page = Page(as_html(message(), [("cid:1", "age")]))
    for words in (
        "CRITICAL",
        "credit / features",
        "Features drifted: age, income and 2 more",
        "Opened 2024-03-14 08:00 UTC",
        "age is 11 years lower than usual.",
        "psi of age: 0.4123, limit 0.25",
        "postal_code is missing in 6.2 %. (warning)",
        "12,345",
        "& more <refusals>",
        "Baseline: see the wiki",
        "modelmon explain credit/features/20240314T060000Z",
    ):
        assert words in page.text
    assert page.links == [link.url for link in message().links[:2]]
    assert page.pictures == [("cid:1", "age")]


def test_a_page_needs_nothing_from_the_network(message: Make) -> None:
    html = as_html(message(links=()), [("cid:1", "age")])
    assert "http" not in html.replace("http-equiv", "")
    assert "<script" not in html


@pytest.mark.parametrize(
    ("reason", "severity", "word"),
    [("opened", "warning", "WARNING"), ("resolved", "critical", "RESOLVED")],
)
def test_the_first_word_tells_how_bad_it_is(
    message: Make, reason: str, severity: str, word: str
) -> None:
    assert word in Page(as_html(message(reason=reason, severity=severity))).text


@pytest.mark.parametrize(
    ("count", "rest"), [(0, ""), (8, ""), (9, "and 1 more"), (500, "and 492 more")]
)
def test_eight_causes_are_shown_and_the_rest_counted(message: Make, count: int, rest: str) -> None:
    text = Page(as_html(message(causes=message().causes[:1] * count, title="x"))).text
    assert text.count("age is 11 years") == min(count, 8)
    assert (rest in text) if rest else (" more\n" not in text)


def test_no_text_of_the_data_becomes_markup(message: Make) -> None:
    evil = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>&lt;"
    cause = Cause(evil, evil, 1.0, 0.5, evil, evil)
    page = Page(
        as_html(
            message(
                title=evil, model=evil, cause=evil, reason=evil, facts=((evil, evil),),
                causes=(cause,), links=(Link(evil, "javascript:alert(1)"),), command=evil,
            ),
            [(evil, evil)],
        )
    )  # fmt: skip
    assert page.links == []
    assert page.pictures == [(evil, evil)]
    assert page.text.count("<script>alert(1)</script>") >= 8


def test_a_bare_message_makes_a_page_too(message: Make) -> None:
    page = Page(as_html(message(title="", causes=(), facts=(), links=(), command="")))
    assert "Facts" not in page.text
    assert "To reproduce it" not in page.text
