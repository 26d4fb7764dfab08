"""The rules of Grafana's dashboard-linter, and what the dashboards promise beyond them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser as promql
import pytest

from monitor.dashboards import files, outdated, write
from monitor.dashboards.__main__ import main
from monitor.dashboards.panels import series
from monitor.metrics import METRICS, PERFORMANCE
from tests.grafana.queries import (
    DASHBOARDS,
    all_queries,
    annotations,
    dashboard,
    metric_names,
    panels,
    queries,
    substituted,
    variables,
)

GRAFANA = Path(__file__).parents[2] / "grafana"
UNITS = {"none", "short", "percentunit", "s", "ops", "rps", "dateTimeFromNow"}
"""Those of Grafana's units that the dashboards use."""

every_dashboard = pytest.mark.parametrize("name", DASHBOARDS)


def test_the_committed_files_are_the_generated_ones():
    assert outdated() == []


def test_the_generator_writes_what_it_then_finds_up_to_date(tmp_path):
    assert outdated(tmp_path) == list(files())
    write(tmp_path)
    assert outdated(tmp_path) == []
    (tmp_path / "docs/metrics.md").write_text("changed by hand")
    assert outdated(tmp_path) == ["docs/metrics.md"]


def test_the_generator_explains_itself():
    assert main(["--check"]) == 0
    assert main(["--help"]) == "usage: python -m monitor.dashboards [--check]"


def test_a_query_for_a_label_that_a_metric_lacks_cannot_be_generated():
    with pytest.raises(ValueError, match="modelmon_performance has no label 'feature'"):
        series(PERFORMANCE, 'feature="x"')


@every_dashboard
def test_there_is_one_variable_for_the_data_source(name):
    [chosen] = [v for v in variables(name) if v["type"] == "datasource"]
    assert (chosen["name"], chosen["label"], chosen["query"]) == (
        "datasource",
        "Data source",
        "prometheus",
    )


@every_dashboard
@pytest.mark.parametrize(("variable", "label"), [("job", "Job"), ("instance", "Instance")])
def test_jobs_and_instances_can_be_chosen(name, variable, label):
    [chosen] = [v for v in variables(name) if v["name"] == variable]
    assert chosen["label"] == label
    assert chosen["type"] == "query"
    assert chosen["datasource"]["uid"] == "${datasource}"
    assert chosen["multi"] is True
    assert chosen["includeAll"] is True
    assert chosen["allValue"] == ".+"


@every_dashboard
def test_variables_are_label_values_of_valid_promql_and_follow_the_time_range(name):
    for variable in variables(name):
        if variable["type"] == "query":
            selector, label = label_values(variable["query"]["query"])
            assert selectors(promql.parse(substituted(selector)))
            assert re.fullmatch(r"\w+", label)
            assert variable["definition"] == variable["query"]["query"]
            assert variable["refresh"] == 2


def label_values(query: str) -> tuple[str, str]:
    selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
    return selector, label


@every_dashboard
def test_every_panel_uses_the_chosen_data_source(name):
    for panel in panels(name):
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    for annotation in annotations(name):
        assert annotation["datasource"]["uid"] == "${datasource}"


@every_dashboard
def test_every_panel_has_a_title_a_description_and_a_target(name):
    titles = []
    for panel in panels(name):
        titles.append(panel["title"])
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["targets"]
    assert len(set(titles)) == len(titles)


@every_dashboard
def test_every_panel_has_a_unit_that_grafana_knows(name):
    for panel in panels(name):
        config = panel["fieldConfig"]
        assert config["defaults"]["unit"] in UNITS, panel["title"]
        for override in config["overrides"]:
            for each in override["properties"]:
                assert each["id"] != "unit" or each["value"] in UNITS, panel["title"]


@every_dashboard
def test_every_query_is_valid_promql(name):
    for query in queries(name):
        promql.parse(substituted(query))
        assert "$" not in substituted(query), "a variable that nothing defines"


def nodes(
    expr: object, above: tuple[object, ...] = ()
) -> Iterator[tuple[object, tuple[object, ...]]]:
    """Every node of an expression with those above it, the nearest last."""
    yield expr, above
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        child = getattr(expr, name, None)
        if child is not None:
            yield from nodes(child, (*above, expr))
    for child in getattr(expr, "args", ()):
        yield from nodes(child, (*above, expr))


def selectors(expr: object) -> list[promql.VectorSelector]:
    return [node for node, _ in nodes(expr) if isinstance(node, promql.VectorSelector)]


def test_the_walk_over_an_expression_finds_every_selector():
    text = "topk(3, a / on (x) sum(rate(b[5m]))) or -max_over_time(c[10m:1m]) unless (d > 1)"
    assert [each.name for each in selectors(promql.parse(text))] == ["a", "b", "c", "d"]


@every_dashboard
def test_rates_follow_the_resolution_of_the_panel(name):
    for query in queries(name):
        for function, interval in re.findall(r"\b(i?rate|increase)\([^\[]*\[([^\]]*)\]", query):
            assert interval == "$__rate_interval", (function, query)


@every_dashboard
def test_every_selector_follows_the_chosen_job_instance_and_model(name):
    operator = "" if name == "model" else "~"
    for query in [*queries(name), *(a["expr"] for a in annotations(name))]:
        for metric, matchers in re.findall(r"(modelmon_\w+)(\{[^}]*\})?", query):
            assert 'job=~"$job"' in matchers, query
            assert 'instance=~"$instance"' in matchers, query
            labels = next(m.labels for m in METRICS if metric.startswith(m.name))
            assert ("model" in labels) == (f'model={operator}"$model"' in matchers), query


@every_dashboard
def test_counters_are_only_seen_as_rates(name):
    for query in queries(name):
        for node, above in nodes(promql.parse(substituted(query))):
            if isinstance(node, promql.VectorSelector) and node.name.endswith("_total"):
                assert isinstance(above[-1], promql.MatrixSelector)
                assert above[-2].func.name in ("rate", "irate", "increase")


@every_dashboard
def test_there_is_no_loki_in_it(name):
    assert "loki" not in json.dumps(dashboard(name))


@every_dashboard
def test_dashboards_cannot_be_edited_in_place(name):
    assert dashboard(name)["editable"] is False


@every_dashboard
def test_dashboards_have_a_fixed_name_tag_schema_and_link(name):
    found = dashboard(name)
    assert found["uid"] == f"modelmon-{name}"
    assert found["tags"] == ["modelmon"]
    assert found["schemaVersion"] == 42
    assert "id" not in found
    [link] = found["links"]
    assert (link["type"], link["tags"], link["includeVars"]) == ("dashboards", ["modelmon"], True)


@every_dashboard
def test_panels_lie_side_by_side_without_overlaps(name):
    taken: set[tuple[int, int]] = set()
    numbers = []
    for panel in dashboard(name)["panels"]:
        place = panel["gridPos"]
        numbers.append(panel["id"])
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len(set(numbers)) == len(numbers)


@every_dashboard
def test_links_between_dashboards_lead_to_one_that_is_there(name):
    uids = {dashboard(each)["uid"] for each in DASHBOARDS}
    for uid in re.findall(r'"/d/([\w-]+)', json.dumps(dashboard(name))):
        assert uid in uids


def test_every_metric_in_a_query_or_rule_is_exported():
    rules = "".join(path.read_text() for path in (GRAFANA / "prometheus").glob("*.yml"))
    exported = {metric.name for metric in METRICS}
    for name in [*metric_names(" ".join(all_queries())), *metric_names(rules)]:
        assert name in exported


def test_every_exported_metric_is_shown_on_a_dashboard():
    shown = set(metric_names(" ".join(all_queries())))
    only_documented = {"modelmon_window_start_timestamp_seconds"}
    assert {metric.name for metric in METRICS} - shown == only_documented


def test_every_exported_metric_is_documented():
    page = (GRAFANA.parent / "docs/metrics.md").read_text()
    for metric in METRICS:
        assert f"| `{metric.name}` | {metric.kind} |" in page
