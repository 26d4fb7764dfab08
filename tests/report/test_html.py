"""The HTML report: whole, small, safe, and never greener than the findings."""

from __future__ import annotations

import hashlib
import re
import subprocess
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from checks.check import Stat
from checks.plan import CategoricalPlan
from checks.portrait import ColumnProfile
from checks.profile import CategoricalProfile
from checks.verdict import Verdict
from monitor.findings import Finding
from monitor.report import Compared, to_html
from monitor.report.words import SYMBOLS, word
from tests.report.made import (
    CURRENT,
    FINDINGS,
    REFERENCE,
    REPORT,
    before,
    finding,
    golden,
    numeric,
    report,
)
from tests.servers import require

LIMIT = 300_000
VOID = {"meta", "input", "br", "path", "rect"}
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{7*7}}"


class Page(HTMLParser):
    """A page read tag by tag; every tag must be closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.words.append(" " if tag in ("dd", "dt", "li", "p", "td", "th") else "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def wide(columns: int, text: str = "") -> tuple[dict[str, ColumnProfile], list[Finding]]:
    """Profiles and findings of a thousand columns, with long names, levels and reasons."""
    plan = CategoricalPlan(tuple(f"{i}{text}" for i in range(12)))
    level = CategoricalProfile.of({name: i + 1 for i, name in enumerate(plan.levels)}, plan)
    number = numeric(np.arange(400.0) ** 1.5)
    profiles: dict[str, ColumnProfile] = {}
    findings = []
    for place in range(columns):
        name = f"column_{place}{text}"
        profiles[name] = level if place % 2 else number
        verdict = list(Verdict)[place % len(Verdict)]
        stat = Stat(1 / 3, corrected=1 / 7, low=0.1234567, high=0.7654321, where=text)
        findings += [
            finding(check, name, verdict, stat, 0.1, reason=f"why {text}")
            for check in ("psi", "ks", "wasserstein", "missing")
        ]
    return profiles, findings


def test_a_report_reads_as_kept():
    golden("report.html", to_html(REPORT))


def test_every_tag_is_closed_in_its_turn():
    assert Page(to_html(REPORT)).tags


def test_the_same_report_gives_the_same_bytes():
    assert to_html(REPORT) == to_html(REPORT)


@pytest.mark.parametrize("text", ["", "ä&<" * 70_000], ids=["plain", "endless"])
def test_a_thousand_columns_stay_below_300_kilobytes(text):
    profiles, findings = wide(1000, text)
    history = tuple(
        replace(each, window=before(days)) for days in range(1, 40) for each in findings[::4]
    )
    made = to_html(
        report(
            *findings,
            reference=profiles,
            current=profiles,
            history=history,
            title=f"t{text}",
            model=f"m{text}",
            compared=Compared(text, text, 1, 1, text),
            notices=tuple(f"note {i} {text}" for i in range(500)),
            version=text,
        )
    )
    assert len(made.encode()) < LIMIT
    page = Page(made)
    told = re.search(r"and ([\d,]+) more: [\d,]+ (critical|warning|error|no data)", page.text)
    rows = sum(tag == "td" and attrs == {"class": "n"} for tag, attrs in page.tags) // 3
    assert told is not None
    assert int(told[1].replace(",", "")) + rows == len(findings)
    drawn = [tag for tag, _ in page.tags].count("article")
    assert drawn >= 12
    assert f"and {1000 - drawn} more columns, not drawn here" in page.text
    strips = sum(attrs.get("aria-hidden") == "true" for _, attrs in page.tags)
    assert strips >= 10
    assert f"and {1000 - strips} more rows" in page.text


def test_no_section_starves_the_table():
    profiles, findings = wide(1000)
    made = Page(to_html(report(*findings, reference=profiles, current=profiles)))
    assert sum(tag == "tr" for tag, _ in made.tags) > 200


def test_a_metric_with_ten_thousand_windows_stays_small():
    history = tuple(
        replace(each, window=before(days))
        for days in range(1, 3334)
        for each in FINDINGS
        if each.cause == "performance" or each.column == "age"
    )
    made = to_html(replace(REPORT, history=history))
    assert len(made.encode()) < LIMIT
    assert "The newest 180 of 3,334 windows." in made


def test_metrics_that_do_not_fit_are_counted():
    metrics = [replace(FINDINGS[-1], check=f"metric_{place}") for place in range(40)]
    history = tuple(replace(each, window=before(days)) for days in range(180) for each in metrics)
    page = Page(to_html(report(*metrics, history=history)))
    drawn = [tag for tag, _ in page.tags].count("article")
    assert 0 < drawn < 40
    assert f"and {40 - drawn} more metrics, not drawn here" in page.text


@pytest.mark.parametrize("field", ["column", "check", "reason", "cause", "model"])
def test_no_text_of_a_finding_becomes_markup(field):
    evil = replace(FINDINGS[0], **{field: EVIL})
    profiles = {EVIL: REFERENCE["age"], "age": REFERENCE["age"]}
    page = Page(
        to_html(report(evil, replace(evil, window=before(1)), reference=profiles, current=profiles))
    )
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not {"img", "iframe", "a"} & {tag for tag, attrs in page.tags if tag != "a"}
    assert "49" not in page.text


def test_no_other_text_becomes_markup():
    stat = Stat(1.0, where=EVIL)
    plan = CategoricalPlan((EVIL, "b"))
    profile = CategoricalProfile.of({EVIL: 3, EVIL + "!": 9}, plan)
    made = to_html(
        report(
            finding("psi", "c", Verdict.CRITICAL, stat, 0.1),
            reference={"c": profile},
            current={"c": profile},
            title=EVIL,
            model=EVIL,
            compared=Compared(EVIL, EVIL, 1, 1, EVIL),
            notices=(EVIL,),
            version=EVIL,
        )
    )
    tags = [tag for tag, _ in Page(made).tags]
    assert (tags.count("script"), tags.count("img")) == (1, 0)


def test_a_page_asks_for_nothing_from_elsewhere():
    made = to_html(REPORT)
    page = Page(made)
    for tag, attrs in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "base", "use")
        assert "src" not in attrs
        assert (attrs.get("href") or "#").startswith("#")
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
    assert not re.search(r"url\(|@import|https?:", made)


def test_the_policy_allows_the_own_style_and_script_and_nothing_else():
    made = to_html(REPORT)
    policy = next(a["content"] for _, a in Page(made).tags if "http-equiv" in a)
    allowed = ["default-src 'none'"]
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", made, re.DOTALL)
        digest = b64encode(hashlib.sha256(content.encode()).digest()).decode()
        allowed.append(f"{rule} 'sha256-{digest}'")
    assert policy == "; ".join(allowed)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_is_said_by_a_word_and_a_symbol(verdict):
    made = to_html(report(finding("psi", "age", verdict, Stat(0.2), 0.1, reason="because")))
    (row,) = re.findall(r"<tbody>\n?(<tr>.*?</tr>)", made, re.DOTALL)
    assert f"<i>{SYMBOLS[verdict]}</i> {word(verdict)}</span>" in row
    assert "because" in row


@pytest.mark.parametrize("verdict", [each for each in Verdict if not each.judged])
def test_what_is_not_judged_is_never_green(verdict):
    fine = finding("ks", "income", Verdict.OK, Stat(0.01), 0.1)
    made = to_html(report(finding("psi", "age", verdict), fine))
    assert f'<div class="banner {verdict.value}">' in made
    assert "1 of 2 checks was not judged." in Page(made).text


def test_an_empty_report_is_never_green():
    made = to_html(report())
    assert '<div class="banner no_data">' in made
    assert "Nothing was checked" in Page(made).text
    assert 'class="v ok"' not in made.partition("<details>")[0]


def test_only_fine_findings_make_a_green_page():
    made = to_html(report(finding("ks", "income", Verdict.OK, Stat(0.01), 0.1)))
    assert '<div class="banner ok">' in made


def test_the_page_says_what_was_compared_and_when():
    said = Page(to_html(REPORT)).text
    for words in (
        "January and February 2026 4,000 rows",
        "1 March 2026 600 rows",
        "2026-03-01 00:00 to 2026-03-02 00:00 UTC",
        "version 3",
        "Generated 2026-03-02 06:00 UTC by modelmon 1.2.3.",
        "customer_id: nearly every row has a value of its own; left out as an id",
    ):
        assert words in said


def test_causes_come_upstream_first_and_lead_to_their_pictures():
    made = to_html(REPORT)
    causes = made.partition('<ol class="causes">')[2].partition("</ol>")[0]
    assert re.findall(r'class="kind">([a-z ]+)<', causes) == [
        "missing values",
        "new categories",
        "feature drift",
        "performance",
    ]
    ids = re.findall(r'\bid="([^"]+)"', made)
    assert len(ids) == len(set(ids))
    links = set(re.findall(r'href="#([^"]+)"', causes))
    assert links
    assert links <= set(ids)


def test_every_picture_has_words_for_those_who_cannot_see_it():
    for tag, attrs in Page(to_html(REPORT)).tags:
        if tag == "svg":
            assert attrs.get("aria-hidden") == "true" or attrs.get("aria-label")


def test_the_history_shows_gaps_and_provisional_windows():
    made = to_html(REPORT)
    assert "roc_auc over 7 windows" in made
    assert "1 window without a value" in made
    assert made.count('class="dot hollow"') == 1
    assert made.count('class="dot critical hollow"') == 1
    assert "out of bounds in 2 of 3, since 2026-02-28" in Page(made).text


def test_a_column_without_values_on_either_side_is_said_in_words():
    nothing = numeric(np.empty(0))
    bad = finding("psi", "age", Verdict.NO_DATA, reason="no values")
    made = Page(to_html(report(bad, reference={"age": nothing}, current={"age": nothing})))
    assert "There are no values to draw." in made.text


def test_a_report_may_lack_profiles_of_columns():
    made = Page(to_html(replace(REPORT, reference={"age": REFERENCE["age"]}, current=CURRENT)))
    assert "and 2 more columns, not drawn here" in made.text


def test_a_browser_runs_the_script_under_the_policy_and_nothing_else(tmp_path):
    chromium = require("chromium")
    evil = finding(
        "psi", '<img src=x onerror="document.title=1">', Verdict.CRITICAL, Stat(1.0), 0.1
    )
    profiles = {evil.column: REFERENCE["age"]}
    made = tmp_path / "report.html"
    made.write_text(to_html(report(evil, *FINDINGS, reference=profiles, current=profiles)))
    dumped = subprocess.run(
        [
            chromium,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--dump-dom",
            made.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "<title>churn, 1 March 2026</title>" in dumped.stdout
    assert "<output>13 of 13</output>" in dumped.stdout
    assert dumped.stdout.count("<button type=") == 7
    assert "Content Security Policy" not in dumped.stderr
    assert "Uncaught" not in dumped.stderr
