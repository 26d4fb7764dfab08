"""The sentence at the top of a report, and the order of what follows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from checks.check import Stat
from checks.verdict import WORST_FIRST, Verdict
from monitor.report.order import likeliest_first, tally, worst, worst_first
from monitor.report.words import MEANINGS, SYMBOLS, headline, period, remark, span
from monitor.sources import ALL_TIME
from monitor.windows import Window
from tests.report.made import DAY, FINDINGS, GERMANY, REPORT, before, finding, performance, report

BAD_AUC = performance("roc_auc", 0.71, 0.66, 0.76, 0.78, Verdict.CRITICAL, DAY)
DRIFTED = finding("psi", "age", Verdict.CRITICAL, Stat(0.4), 0.25)
CALM = finding("psi", "income", Verdict.OK, Stat(0.01), 0.25)


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ((), "Nothing was checked: there are no findings"),
        ((CALM,), "No drift in 1 feature: 1 check, all within their limits"),
        ((DRIFTED, CALM), "1 of 2 features drifted"),
        (
            (BAD_AUC, DRIFTED, CALM),
            "1 of 2 features drifted; roc_auc fell from 0.84 to 0.71 (0.66 to 0.76)",
        ),
        ((BAD_AUC,), "roc_auc fell from 0.84 to 0.71 (0.66 to 0.76)"),
        (
            (replace(BAD_AUC, check="accuracy"),),
            "Accuracy is 0.71 (0.66 to 0.76), limit 0.78",
        ),
        (
            (CALM, finding("psi", "plan", Verdict.UNDECIDED, Stat(0.1))),
            "No drift in 1 feature as far as could be judged; 1 of 2 checks was not judged",
        ),
        (
            (finding("psi", "plan", Verdict.INSUFFICIENT, reason="12 values, 100 needed"),),
            "Nothing could be judged: 1 insufficient",
        ),
        (
            (finding("row_count", "", Verdict.OK, Stat(5.0), 1.0, cause="volume"),),
            "Nothing is out of bounds: 1 check, all within their limits",
        ),
        (
            (CALM, replace(DRIFTED, slice=GERMANY)),
            "1 check of slices out of bounds",
        ),
        (
            (finding("missing", "age", Verdict.WARNING, Stat(0.3), cause="nulls"), DRIFTED),
            "Values are missing in age; 1 of 1 feature drifted",
        ),
        (
            (DRIFTED, finding("mmd", "", Verdict.CRITICAL, Stat(0.3), 0.1)),
            "1 of 1 feature drifted; mmd is 0.3, limit 0.1",
        ),
        (
            (finding("mmd", "", Verdict.CRITICAL, Stat(0.3), 0.1), CALM),
            "Mmd is 0.3, limit 0.1",
        ),
        (
            (finding("silhouette", "", Verdict.CRITICAL, Stat(0.1), 0.3, cause="predictions"),),
            "Silhouette is 0.1, limit 0.3",
        ),
        (
            (finding("quantile", "age", Verdict.CRITICAL, Stat(9.0), 8.0, cause="figures"), CALM),
            "Out of bounds: quantile of age",
        ),
        (
            (
                finding("unusable_weights", "", Verdict.CRITICAL, Stat(0.3), cause="schema"),
                finding("uniqueness", "age", Verdict.CRITICAL, Stat(0.3), cause="schema"),
            ),
            "Out of bounds: unusable_weights, uniqueness of age",
        ),
        (
            (finding("schema", "age", Verdict.CRITICAL, Stat(0.3), cause="schema"),),
            "The schema is broken in age",
        ),
        (
            (finding("custom", "", Verdict.WARNING, Stat(0.3), cause="moon"),),
            "Moon: 1 check out of bounds",
        ),
    ],
)
def test_the_headline_says_the_verdict_in_words(findings, words):
    assert headline(report(*findings)) == words


def test_the_headline_names_two_metrics_and_counts_the_others():
    metrics = [replace(BAD_AUC, check=name) for name in ("roc_auc", "f1", "recall", "precision")]
    assert headline(report(*metrics)).endswith("; 2 more metrics out of bounds")


def test_the_headline_says_rose_for_a_loss():
    loss = performance("log_loss", 0.9, 0.8, 1.0, 0.6, Verdict.CRITICAL, DAY)
    said = headline(report(loss, norms={"log_loss": 0.5}))
    assert said == "log_loss rose from 0.5 to 0.9 (0.8 to 1)"


def test_the_worst_comes_first_and_slices_after_all_rows():
    ordered = worst_first(FINDINGS)
    assert [f.verdict for f in ordered] == sorted(
        (f.verdict for f in FINDINGS), key=WORST_FIRST.index
    )
    critical = [f for f in ordered if f.verdict is Verdict.CRITICAL]
    assert [f.check for f in critical] == ["new_categories", "wasserstein", "roc_auc", "psi"]
    assert critical[-1].slice == GERMANY


def test_the_larger_excess_comes_first_among_equals():
    far, near = (
        finding("psi", name, Verdict.CRITICAL, Stat(v), 0.25) for name, v in (("b", 9), ("a", 0.3))
    )
    assert worst_first([near, far]) == [far, near]


def test_causes_go_downstream():
    causes = [f.cause for f in likeliest_first(FINDINGS)]
    assert list(dict.fromkeys(causes)) == ["nulls", "new_categories", "features", "performance"]


def test_the_worst_of_nothing_is_nothing():
    assert worst(()) is None
    assert tally(()) == {}


def test_every_verdict_has_a_symbol_of_its_own_and_a_meaning():
    assert set(SYMBOLS) == set(MEANINGS) == set(Verdict)
    assert len(set(SYMBOLS.values())) == len(Verdict)


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (DAY, "2026-03-01 00:00 to 2026-03-02 00:00 UTC"),
        (
            Window(datetime(2026, 3, 1, 6, tzinfo=UTC), datetime(2026, 3, 1, 7, tzinfo=UTC)),
            "2026-03-01 06:00 to 07:00 UTC",
        ),
        (ALL_TIME, "all rows"),
    ],
)
def test_a_window_reads_as_people_write_it(window, words):
    assert period(window) == words


def test_several_windows_are_counted():
    windows = [replace(CALM, window=before(days)) for days in (0, 3)]
    assert span(windows) == "2 windows, 2026-02-26 00:00 to 2026-03-02 00:00 UTC"
    assert span(()) == "no window"


def test_the_report_of_all_verdicts_has_this_headline():
    assert headline(REPORT) == (
        "Values are missing in age; unseen categories in device; 1 of 2 features drifted; "
        "roc_auc fell from 0.84 to 0.71 (0.66 to 0.76); 1 check of slices out of bounds; "
        "4 of 12 checks were not judged"
    )


def test_a_green_share_of_broken_rows_says_what_it_counts():
    where = "3 of 1,000 rows, such as 'a17'; of 40 rows it cannot be told"
    stat = Stat(0.003, where=where)
    assert remark(finding("mine", "", Verdict.OK, stat, 0.01, cause="schema")) == where
    assert remark(replace(CALM, stat=stat)) == ""
    assert remark(finding("mine", "", Verdict.UNDECIDED, stat, cause="schema", reason="no")) == "no"
