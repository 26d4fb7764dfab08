from __future__ import annotations

import logging
import re
import tomllib
from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from pathlib import Path

import pytest

from alerts import email, slack
from alerts.secret import Secret
from monitor.config import _Head, load, parse
from monitor.model import Config, ConfigError, Daemon
from monitor.sources import Columns
from tests.shared import ROOT

GOOD = """
[daemon]
state  = "sqlite:///state.db"
listen = "127.0.0.1:9108"
tick   = "1m"

[models.elec2]
task   = "binary"
every  = "1d"
timezone = "Europe/Berlin"
settle = "1h"
labels_within = "7d"
mature_at = 0.9
granule = "2h"
budget = "1 per 30d"
notify = ["oncall"]

[models.elec2.source]
type = "parquet"
path = "elec2.parquet"

[models.elec2.columns]
id = "prediction_id"
timestamp = "timestamp"
version = "version"
prediction = "prediction"
score = "score"
label = "label"
label_timestamp = "label_timestamp"
numeric = ["nswprice", "nswdemand"]
categorical = ["weekday"]
segments = ["weekday"]

[models.elec2.reference]
from = 1996-08-27
to   = 1996-11-25

[models.elec2.checks]
roc_auc = { critical = 0.75 }
missing = { warning = 0.05 }
psi = { bins = 20, columns = ["nswprice"] }
ks = false

[alerts.oncall]
type = "slack"
url  = "env:SLACK_WEBHOOK_URL"
"""


@pytest.fixture(autouse=True)
def webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.example/services/T0P/53CR3T")


def read(text: str, folder: Path) -> Config:
    return parse(tomllib.loads(text), folder / "monitor.toml")


def problems(text: str, folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, folder)
    return list(caught.value.problems)


def test_every_documented_key_is_read(tmp_path: Path) -> None:
    config = read(GOOD, tmp_path)
    model = config.model("elec2")
    assert config.daemon.address == ("127.0.0.1", 9108)
    assert config.daemon.tick == timedelta(minutes=1)
    assert config.daemon.state.reveal() == f"sqlite:///{tmp_path}/state.db"
    assert model.task == "binary"
    assert model.schedule.settle == timedelta(hours=1)
    assert model.schedule.mature_at == 0.9
    assert str(model.schedule.granule) == "2h"
    assert str(model.schedule.calendar.every) == "1d"
    assert str(model.schedule.calendar.zone) == "Europe/Berlin"
    assert model.columns.numeric == ("nswprice", "nswdemand")
    assert model.columns.segments == ("weekday",)
    assert model.reference.period is not None
    assert model.reference.period.start.isoformat() == "1996-08-26T22:00:00+00:00"
    assert model.notify == ("oncall",)


def test_the_example_has_every_key_and_each_of_them_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MODELMON_TOKEN", "SMTP_PASSWORD"):
        monkeypatch.setenv(name, "a-secret")
    (tmp_path / "plugins").mkdir()
    text = (ROOT / "monitor.toml").read_text()
    assert read(text, tmp_path).notes == ()
    head = text.index("[daemon]")  # above it stands prose
    every = re.sub(r"^# (?=[\[a-z])", "", text[head:], flags=re.MULTILINE)
    config = read(every.replace('path = "train.parquet"', ""), tmp_path)
    assert sorted(config.channels) == ["oncall", "team", "terminal"]
    keys = set(re.findall(r"^(\w+) +=|^(\w+) =", every, flags=re.MULTILINE))
    written = {first or second for first, second in keys}
    tables = (Daemon, _Head, Columns, slack.Channel, email.Channel)
    known = {each.name for table in tables for each in fields(table)}
    assert known - written == {"budget"}  # of no use yet


def test_a_rule_carries_its_limits_parameters_and_columns(tmp_path: Path) -> None:
    rules = {rule.check.name: rule for rule in read(GOOD, tmp_path).model("elec2").rules}
    auc = rules["roc_auc"].limit
    assert auc is not None
    assert (auc.critical, auc.warning, auc.direction, auc.rule) == (0.75, None, "below", "config")
    assert rules["psi"].parameters == {"bins": 20}
    assert rules["psi"].columns == ("nswprice",)
    assert rules["psi"].limit is None
    assert "ks" not in rules
    assert "wasserstein" in rules


def test_a_budget_that_is_not_used_yet_is_said(tmp_path: Path) -> None:
    assert any("budget" in note for note in read(GOOD, tmp_path).notes)


def test_all_problems_are_told_at_once_with_their_place_and_a_suggestion(tmp_path: Path) -> None:
    text = (
        GOOD.replace('url  = "env', 'urll = "env')
        .replace('type = "parquet"', 'type = "parket"')
        .replace("bins = 20", "bin = 20")
        .replace('notify = ["oncall"]', 'notify = ["oncal"]')
        .replace('every  = "1d"', 'every  = "2d"')
        .replace('timezone = "Europe/Berlin"', 'timezone = "Europe/Berlyn"')
        .replace("roc_auc", "roc_auk")
        .replace('version = "version"', 'versions = "version"')
    )
    found = "\n".join(problems(text, tmp_path))
    for expected in (
        "alerts.oncall.urll: unknown; did you mean 'url'?",
        "alerts.oncall.url: is missing",
        "models.elec2.source.type: unknown; did you mean 'parquet'?",
        "models.elec2.checks.psi.bin: unknown; did you mean 'bins'?",
        "models.elec2.notify: there is no [alerts.oncal]; did you mean 'oncall'?",
        "models.elec2.every: '2d'",
        "models.elec2.timezone: 'Europe/Berlyn' is no time zone",
        "models.elec2.checks.roc_auk: unknown check; did you mean 'roc_auc'?",
        "models.elec2.columns.versions: unknown; did you mean 'version'?",
    ):
        assert expected in found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('state  = "sqlite:///state.db"', "state = 3", "daemon.state: must be text"),
        ('listen = "127.0.0.1:9108"', 'listen = "9108"', "no host:port"),
        ('tick   = "1m"', 'tick = "0.1s"', "at least 1s"),
        ('tick   = "1m"', 'tick = "often"', "daemon.tick: 'often' is no duration"),
        ('task   = "binary"', 'task = "binry"', "models.elec2.task: must be one of"),
        ('task   = "binary"', 'task = "ranking"', "a ranking model needs to know which rows"),
        ('task   = "binary"', 'task = "rankings"', "must be one of 'binary', 'multiclass'"),
        ('task   = "binary"', "cutoffs = [0]", "must be numbers of first places"),
        ('task   = "binary"', 'label_separator = ""', "write what stands between two labels"),
        ("mature_at = 0.9", "mature_at = 90", "mature_at"),
        ('granule = "2h"', 'granule = "1w"', "granule: 1w does not divide a window of 1d"),
        ('budget = "1 per 30d"', 'budget = "few"', "no budget"),
        ('settle = "1h"', "settle = 1", "models.elec2.settle: must be a duration"),
        ("from = 1996-08-27", "from = 1997-08-27", "to must lie after from"),
        ("from = 1996-08-27", "", "models.elec2.reference.from: is missing"),
        ('timestamp = "timestamp"', "", "models.elec2.columns.timestamp: is missing"),
        ('path = "elec2.parquet"', "", "models.elec2.source.path: is missing"),
        ("critical = 0.75", "critical = nan", "must be a finite number"),
        ("critical = 0.75", 'critical = "low"', "models.elec2.checks.roc_auc.critical"),
        ("{ critical = 0.75 }", "{ critical = 0.8, warning = 0.7 }", "beyond warning"),
        ("ks = false", "ks = 1", "models.elec2.checks.ks: must be true, false, a table or a"),
        ('categorical = ["weekday"]', 'categorical = ["nswprice"]', "both numeric and"),
        ('url  = "env:SLACK_WEBHOOK_URL"', 'url = "env:NOT_SET"', "NOT_SET is not set"),
        ('url  = "env:SLACK_WEBHOOK_URL"', 'url = "file:no.txt"', "no.txt cannot be read"),
        ('url  = "env:SLACK_WEBHOOK_URL"', 'url = "vault:x"', "use env: or file:"),
        ("[daemon]", "[deamon]", "deamon: unknown; did you mean 'daemon'?"),
    ],
)
def test_a_wrong_value_is_one_clear_sentence(
    old: str, new: str, expected: str, tmp_path: Path
) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new), tmp_path)
    assert any(expected in problem for problem in found), found
    assert len(found) <= 2


def test_a_model_of_several_classes_needs_predictions_and_no_positive_class(tmp_path: Path) -> None:
    several = GOOD.replace('task   = "binary"', 'task   = "multiclass"\npositive = "up"')
    several = several.replace("roc_auc = {", "accuracy = {")
    config = parse(tomllib.loads(several), tmp_path / "monitor.toml")
    assert config.models["elec2"].task == "multiclass"
    assert any("positive: has no effect" in note for note in config.notes)
    lacking = several.replace('prediction = "prediction"', "")
    assert problems(lacking, tmp_path) == [
        "models.elec2.columns.prediction: a multiclass model needs one"
    ]


def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "monitor.toml"
    path.write_text("[models\n")
    with pytest.raises(ConfigError, match="line 1"):
        load(path)
    with pytest.raises(ConfigError, match="modelmon init"):
        load(tmp_path / "nowhere.toml")


def test_secrets_come_from_files_and_are_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "hook.txt").write_text("https://hooks.example/services/X/FR0MF1LE\n")
    config = read(GOOD.replace("env:SLACK_WEBHOOK_URL", "file:hook.txt"), tmp_path)
    assert Secret("https://hooks.example/services/X/FR0MF1LE") in config.secrets
    logging.getLogger("test").warning("%s %r", config, config)
    assert "FR0MF1LE" not in caplog.text
    assert "FR0MF1LE" not in repr(config)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("sqlite:///state.db", False),
        ("postgresql://mon@db/state", False),
        ("postgresql://mon:s3cret@db/state", True),
        ("env:STATE_URL", False),
    ],
)
def test_a_password_that_stands_in_the_file_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, told: bool
) -> None:
    monkeypatch.setenv("STATE_URL", "postgresql://mon:s3cret@db/state")
    notes = read(GOOD.replace("sqlite:///state.db", address), tmp_path).notes
    found = [note for note in notes if note.startswith("daemon")]
    assert bool(found) is told
    assert "s3cret" not in "".join(found)


def test_the_result_is_frozen(tmp_path: Path) -> None:
    config = read(GOOD, tmp_path)
    with pytest.raises(FrozenInstanceError):
        config.models["elec2"].task = "none"  # type: ignore[misc]


def test_the_recipe_of_a_baseline_changes_with_what_it_is_made_from_only(tmp_path: Path) -> None:
    first = read(GOOD, tmp_path).model("elec2")
    limits = read(GOOD.replace("0.75", "0.7"), tmp_path).model("elec2")
    period = read(GOOD.replace("1996-11-25", "1996-11-24"), tmp_path).model("elec2")
    assert limits.recipe == first.recipe
    assert limits.fingerprint != first.fingerprint
    assert period.recipe != first.recipe


def test_texts_and_embeddings_can_be_nothing_else_besides(tmp_path: Path) -> None:
    text = GOOD.replace(
        "[models.elec2.columns]",
        '[models.elec2.columns]\ntext = ["nswprice", "review"]\nembeddings = ["review", "weekday"]',
    )
    with pytest.raises(ConfigError) as raised:
        read(text, tmp_path)
    assert raised.value.problems == (
        "models.elec2.columns.text: 'nswprice' is in numeric too; choose one",
        "models.elec2.columns.text: 'review' is in embeddings too; choose one",
        "models.elec2.columns.embeddings: 'weekday' is in categorical too; choose one",
    )


def test_a_rule_may_be_about_a_column_that_is_made_of_a_text(tmp_path: Path) -> None:
    text = GOOD.replace("[models.elec2.columns]", '[models.elec2.columns]\ntext = ["review"]')
    made = text.replace('columns = ["nswprice"]', 'columns = ["review.words"]')
    assert made != text
    rules = {rule.check.name: rule for rule in read(made, tmp_path).model("elec2").rules}
    assert rules["psi"].columns == ("review.words",)
