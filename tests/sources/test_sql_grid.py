"""The grids in SQL: every engine finds the cells that NumPy finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    Double,
    Numeric,
    Select,
    column,
    create_engine,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from checks import grid
from checks.outcome import BinaryOutcome
from checks.plan import BinaryPlan, NumericPlan
from monitor.sources._sql.dialects import DIALECTS, add_mathematics, define
from monitor.sources._sql.grid import (
    ABOVE,
    BELOW,
    NAN,
    NULL,
    SQUARABLE,
    STRANGE,
    SUMMABLE,
    Gridded,
    gridded,
)
from monitor.sources._sql.losses import calibration_bin, losses
from tests.servers import require_module
from tests.sources.engines import ENGINES, Engine, engine

Floats = NDArray[np.float64]

AWKWARD = "Größe \"%d\" of 'x':y `\\"
CENTRES = (0.0, 1.0, -0.1, 0.30000001192092896, 1e6, 1e15, 1e300, -1e300, 2.0**-130, -3e38)
TYPES: dict[str, TypeEngine[Any]] = {
    "place": BigInteger(),
    AWKWARD: Double(),
    "narrow": REAL(),
    "price": Numeric(20, 6),
    "huge": BigInteger(),
    "flag": Boolean(),
    "score": Double(),
}


def hostile() -> Floats:
    """Values at which a grid can go wrong."""
    rng = np.random.default_rng(5)
    powers = np.ldexp(1.0, np.arange(-140, 128))
    edges = np.ldexp(1 + rng.integers(0, 128, 300) / 128, rng.integers(-126, 128, 300))
    halfway = np.ldexp(1 + rng.integers(1, 129, 300) / 128 - 2.0**-25, rng.integers(-20, 20, 300))
    steps = np.concatenate((powers, edges, halfway, [2.0**-126 - 2.0**-150, 2.0**128]))
    near = np.concatenate((steps, np.nextafter(steps, 0), np.nextafter(steps, np.inf)))
    special = [0.0, -0.0, 5e-324, 1e-310, 1e-300, 1e300, 1.7976931348623157e308, 3.4028235e38, 0.1]
    usual = [
        rng.standard_normal(2000),
        rng.lognormal(0, 2, 2000),
        rng.standard_cauchy(2000),
        rng.normal(0, 1e-12, 500),
        rng.normal(0, 1e30, 500),
        rng.integers(-300, 300, 500),
        rng.normal(1e6, 1, 500),
        rng.normal(1e15, 1, 500),
        0.30000001192092896 + near[:900] * 2.0**-20,
    ]
    return np.concatenate((near, -near, special, np.negative(special), *usual))


def hostile_scores() -> Floats:
    rng = np.random.default_rng(6)
    powers = np.ldexp(1.0, -np.arange(1, 130))
    edges = np.ldexp(1 + rng.integers(0, 256, 300) / 256, -rng.integers(2, 40, 300))
    steps = np.concatenate((powers, edges, edges - edges * 2.0**-25))
    near = np.concatenate((steps, np.nextafter(steps, 0), np.nextafter(steps, 1)))
    usual = [rng.random(2000), rng.beta(0.1, 5, 1000), np.round(rng.random(500), 2)]
    wrong = [-1e-9, 1 + 1e-9, -1.0, 55.0, 1e300]
    return np.concatenate((near, 1 - near, [0.0, -0.0, 1.0, 1e-300], *usual, wrong))


def log_of(holder: Engine) -> pa.Table:
    """A table of all hostile values, and of nulls, NaN and infinities as far as they are held."""
    rng = np.random.default_rng(7)
    values, scores = hostile().tolist(), hostile_scores().tolist()
    values += [None] * 5 + [np.nan] * 3 * holder.holds_nan
    values += [np.inf, -np.inf, -np.inf] * holder.holds_infinity
    scores += [None] * 5 + [np.nan] * 3 * holder.holds_nan + [np.inf] * holder.holds_infinity
    length = max(len(values), len(scores))
    prices = [Decimal(f"{x:.6f}") for x in rng.lognormal(3, 2, length)]
    with np.errstate(over="ignore", under="ignore"):
        narrow = rng.standard_cauchy(length).astype(np.float32).astype(np.float64)
    huge = rng.integers(-(2**63), 2**63 - 1, length).tolist()
    huge[:6] = [2**53 + 1, 2**62, 2**63 - 1, -(2**63), 0, None]
    columns = {
        "place": pa.array(range(length), pa.int64()),
        AWKWARD: pa.array(_filled(values, length), pa.float64()),
        "narrow": pa.array(narrow, pa.float32()),
        "price": pa.array([None, *prices[1:]], pa.decimal128(20, 6)),
        "huge": pa.array(huge, pa.int64()),
        "flag": pa.array([None, *(rng.random(length - 1) < 0.3).tolist()], pa.bool_()),
        "score": pa.array(_filled(scores, length), pa.float64()),
    }
    return pa.table(columns)


def _filled(values: Sequence[float | None], length: int) -> list[float | None]:
    return [*values, *[1.0] * (length - len(values))]


def doubles(log: pa.Table, name: str) -> tuple[Floats, NDArray[np.bool_]]:
    """A column as NumPy sees it, and which of its cells are there."""
    cells = log.column(name).to_pylist()
    there = np.array([cell is not None for cell in cells])
    return np.array([0.0 if cell is None else float(cell) for cell in cells]), there


def expected(values: Floats, there: NDArray[np.bool_], plan: NumericPlan) -> NDArray[np.int64]:
    finite = np.isfinite(values)
    keys = np.select([values == np.inf, values == -np.inf], [ABOVE, BELOW], NAN)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        keys[finite] = plan.cells_of(values[finite])
    return np.where(there, keys, NULL)


KINDS = [pytest.param(n, marks=[pytest.mark.slow] if "spark" in n else []) for n in ENGINES]


@pytest.fixture(scope="module", params=KINDS)
def held(
    request: pytest.FixtureRequest, tmp_path_factory: Any
) -> Iterator[tuple[Engine, pa.Table]]:
    """An engine with the hostile log in it."""
    with engine(request.param, tmp_path_factory.mktemp("engine")) as started:
        log = log_of(started)
        started.load("log", log)
        yield started, log


LOG = table("log", *map(column, TYPES))


def placed(
    dialect: str, numeric: dict[str, NumericPlan], scores: Sequence[str] = (), kept: str = "place"
) -> Gridded:
    return gridded(LOG, numeric, scores, [kept], dialect, TYPES)


def by_place(cells: Gridded, *columns: Any, kept: str = "place") -> Select[Any]:
    return select(cells.rows.c[kept], *columns).order_by(cells.rows.c[kept])


def test_every_value_falls_in_the_cell_that_numpy_puts_it_in(held: tuple[Engine, pa.Table]) -> None:
    database, log = held
    values, there = doubles(log, AWKWARD)
    copies = {f"x{place}": centre for place, centre in enumerate(CENTRES)}
    rows = select(LOG.c.place, *(LOG.c[AWKWARD].label(name) for name in copies)).subquery()
    plans = {name: NumericPlan(centre) for name, centre in copies.items()}
    types = dict.fromkeys(copies, Double())
    cells = gridded(rows, plans, [], ["place"], database.dialect, types)
    answer = database.rows(by_place(cells, *(cells.keys[name] for name in plans)))
    for place, plan in enumerate(plans.values()):
        found = np.array([row[place + 1] for row in answer])
        wrong = np.flatnonzero(found != expected(values, there, plan))
        assert not len(wrong), (plan.centre, values[wrong][:9], found[wrong][:9])


def test_numbers_of_any_type_are_doubles_first(held: tuple[Engine, pa.Table]) -> None:
    database, log = held
    plans = {name: NumericPlan(12.5) for name in ("narrow", "price", "huge", "flag")}
    cells = placed(database.dialect, plans)
    columns = [part[name] for name in plans for part in (cells.keys, cells.values)]
    rows = database.rows(by_place(cells, *columns))
    for place, (name, plan) in enumerate(plans.items()):
        values, there = doubles(log, name)
        found = [row[2 * place + 2] for row in rows]
        assert [x for x in found if x is not None] == values[there].tolist(), name
        keys = [row[2 * place + 1] for row in rows]
        assert keys == expected(values, there, plan).tolist(), name


def test_every_score_falls_in_the_cell_that_numpy_puts_it_in(held: tuple[Engine, pa.Table]) -> None:
    database, log = held
    scores, there = doubles(log, "score")
    numbers, inside = there & ~np.isnan(scores), there & (scores >= 0) & (scores <= 1)
    keys = np.where(numbers, STRANGE, NULL)
    keys[inside] = grid.score_cells(scores[inside])
    cells = placed(database.dialect, {"score": NumericPlan(0.5)}, ["score"])
    query = by_place(cells, cells.scores["score"], cells.valid["score"], cells.keys["score"])
    rows = database.rows(query)
    found = np.array([row[1] for row in rows])
    assert not len(wrong := np.flatnonzero(found != keys)), (scores[wrong][:9], found[wrong][:9])
    assert [row[2] for row in rows if row[2] is not None] == scores[inside].tolist()
    assert [row[3] for row in rows] == expected(scores, there, NumericPlan(0.5)).tolist()


def test_edges_take_the_place_of_the_grid(held: tuple[Engine, pa.Table]) -> None:
    database, log = held
    values, there = doubles(log, AWKWARD)
    usual = np.unique(values[there & (np.abs(values) < 1e20)])
    for edges in ((0.5,), tuple(usual[:: len(usual) // 300].tolist())):
        plan = NumericPlan(edges=edges)
        cells = placed(database.dialect, {AWKWARD: plan})
        rows = database.rows(by_place(cells, cells.keys[AWKWARD]))
        assert [row[1] for row in rows] == expected(values, there, plan).tolist()


def test_sums_by_cell_neither_overflow_nor_fail(held: tuple[Engine, pa.Table]) -> None:
    database, log = held
    values, there = doubles(log, AWKWARD)
    finite = values[there & np.isfinite(values)]
    cells = placed(database.dialect, {AWKWARD: NumericPlan(1.0)})
    key, distance = cells.keys[AWKWARD], cells.distances[AWKWARD]
    square, value = cells.squares[AWKWARD], cells.values[AWKWARD]
    sums = [func.sum(distance), func.sum(square), func.min(value), func.max(value)]
    rows = database.rows(select(key, func.count(), *sums).group_by(key))
    for cell, count, total, squares, least, largest in rows:
        if cell in (NULL, BELOW, ABOVE, NAN):
            assert total is squares is least is largest is None
            continue
        own = finite[grid.cells_of(finite, 1.0) == cell]
        d = own - 1.0
        assert count == len(own)
        assert (least, largest) == (own.min(), own.max())
        if max(np.abs(d)) <= SUMMABLE:
            assert total == pytest.approx(d.sum(), rel=1e-12, abs=1e-290)
        if max(np.abs(d)) <= SQUARABLE:
            assert squares == pytest.approx(np.square(d).sum(), rel=1e-12, abs=1e-280)


@pytest.mark.parametrize("label", [0, 1])
def test_losses_add_up_to_those_of_an_outcome(held: tuple[Engine, pa.Table], label: int) -> None:
    database, log = held
    scores, there = doubles(log, "score")
    scores = np.where(there, scores, np.nan)
    labels = np.full(len(scores), label)
    plan = BinaryPlan("1", "0")
    outcome = BinaryOutcome.of(plan, labels, labels, scores)
    cells = placed(database.dialect, {}, ["score"])
    valid = cells.valid["score"]
    terms = losses(valid, label, database.dialect)
    sums = [terms.log_loss, terms.log_loss_squared, terms.brier, terms.brier_squared]
    bins = calibration_bin(valid, database.dialect)
    [found] = database.rows(select(*map(func.sum, sums)).where(valid.is_not(None)))
    told = [outcome.log_loss, outcome.log_loss_squared, outcome.brier, outcome.brier_squared]
    assert found == pytest.approx(told, rel=1e-11)
    inner = select(bins.label("bin"), valid.label("p")).where(valid.is_not(None)).subquery()
    query = select(inner.c.bin, func.count(), func.sum(inner.c.p)).group_by(inner.c.bin)
    rows = sorted(database.rows(query))
    assert [row[:2] for row in map(tuple, rows)] == list(enumerate(outcome.calibration[0]))
    assert [row[2] for row in rows] == pytest.approx(outcome.calibration[1].tolist())


def test_a_small_and_sure_score_loses_no_digit(held: tuple[Engine, pa.Table]) -> None:
    """1 - p in doubles would lose the digits of a small p."""
    database, _ = held
    small = [1e-15, 1e-12, 3e-7, 1e-5, 9.999e-5, 1.0001e-4, 0.01]
    database.load("sure", pa.table({"score": pa.array(small)}))
    rows = table("sure", column("score"))
    cells = gridded(rows, {}, ["score"], [], database.dialect, TYPES)
    valid = cells.valid["score"]
    query = select(losses(valid, 0, database.dialect).log_loss).order_by(valid)
    told = [row[0] for row in database.rows(query)]
    assert told == pytest.approx((-np.log1p(np.negative(small))).tolist(), rel=1e-11, abs=0)


def test_kept_columns_stay_as_they_are(held: tuple[Engine, pa.Table]) -> None:
    database, log = held
    cells = placed(database.dialect, {"narrow": NumericPlan()}, kept=AWKWARD)
    ours = {each.name for each in cells.rows.columns} - {AWKWARD}
    assert all(name.isascii() and len(name) < 9 for name in ours)
    [(counted,)] = database.rows(select(func.count(cells.rows.c[AWKWARD])))
    assert counted in (len(log) - log.column(AWKWARD).null_count, len(log) - 5)


def test_a_kept_column_may_have_a_name_of_ours() -> None:
    rows = table("log", column("x"), column("c0k"), column("C0x"))
    cells = gridded(rows, {"x": NumericPlan()}, [], ["c0k", "C0x"], "sqlite", {"x": Double()})
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        connection.exec_driver_sql('CREATE TABLE log AS SELECT 1.0 x, 5 c0k, 6 "C0x"')
        query = select(cells.rows.c["c0k"], cells.rows.c["C0x"], cells.keys["x"])
        assert connection.execute(query).fetchall() == [(5, 6, 16129)]


ANY = st.floats(allow_nan=False, allow_infinity=False)
NEAR = st.builds(
    lambda steps, power: steps * 2.0**power, st.integers(-999, 999), st.integers(-9, 9)
)


@given(values=st.lists(ANY | NEAR, min_size=1), centre=ANY | NEAR)
def test_any_value_about_any_centre_falls_in_its_cell(values: list[float], centre: float) -> None:
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        connection.exec_driver_sql("CREATE TABLE log (place INTEGER, x REAL)")
        connection.exec_driver_sql("INSERT INTO log VALUES (?, ?)", list(enumerate(values)))
        rows = table("log", column("place"), column("x"))
        plan = NumericPlan(centre)
        cells = gridded(rows, {"x": plan}, [], ["place"], "sqlite", {"x": Double()})
        found = connection.execute(by_place(cells, cells.keys["x"])).fetchall()
    with np.errstate(over="ignore", under="ignore"):
        assert [row[1] for row in found] == plan.cells_of(np.array(values)).tolist()


def test_what_sqlite_holds_that_is_no_number_is_strange() -> None:
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        connection.exec_driver_sql("CREATE TABLE log (place, x)")
        held = [1.0, 1, True, "1.0", "", b"1", None, "zzz"]
        connection.exec_driver_sql("INSERT INTO log VALUES (?, ?)", list(enumerate(held)))
        rows = table("log", column("place"), column("x"))
        plan = {"x": NumericPlan()}
        cells = gridded(rows, plan, ["x"], ["place"], "sqlite", {"x": Double()})
        found = connection.execute(by_place(cells, cells.keys["x"], cells.scores["x"])).fetchall()
    one, top = 16129, grid.SCORE_TOP
    assert [row[1] for row in found] == [one] * 3 + [STRANGE] * 3 + [NULL, STRANGE]
    assert [row[2] for row in found] == [top] * 3 + [NULL] * 5


def test_a_sqlite_without_mathematics_is_given_that_of_python() -> None:
    values = hostile()
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        raw: Any = connection.connection.driver_connection
        add_mathematics(raw)  # where they are there, nothing
        assert connection.exec_driver_sql("SELECT ln(NULL), power(2, 3)").fetchall() == [(None, 8)]
        for name in ("ln", "power"):
            define(raw, name)  # as if they were missing
        connection.exec_driver_sql("CREATE TABLE log (place INTEGER, x REAL)")
        rows = [*enumerate(values.tolist()), (len(values), None)]
        connection.exec_driver_sql("INSERT INTO log VALUES (?, ?)", rows)
        log = table("log", column("place"), column("x"))
        plan = NumericPlan(0.1)
        cells = gridded(log, {"x": plan}, [], ["place"], "sqlite", {"x": Double()})
        found = connection.execute(by_place(cells, cells.keys["x"])).fetchall()
    there = np.arange(len(rows)) < len(values)
    padded = np.append(values, 0.0)
    assert [row[1] for row in found] == expected(padded, there, plan).tolist()


def test_decimals_of_postgresql_may_be_beyond_all_doubles(tmp_path: Path) -> None:
    held = ["1e400", "-1e400", "1e-400", "0", "0.1", "NaN", "Infinity", "-Infinity", "1e300", None]
    with engine("postgresql", tmp_path) as database:
        database.load("texts", pa.table({"place": range(len(held)), "x": held}))
        rows = select(column("place"), literal_column("CAST(x AS NUMERIC)").label("x"))
        wide = rows.select_from(table("texts")).subquery()
        plan = NumericPlan(0.1)
        cells = gridded(wide, {"x": plan}, [], ["place"], "postgresql", {"x": Numeric()})
        found = database.rows(by_place(cells, cells.keys["x"]))
    values = np.array([float(text or 0) for text in held])
    there = np.array([text is not None for text in held])
    assert [row[1] for row in found] == expected(values, there, plan).tolist()


WAREHOUSES = {
    "trino": ("trino.sqlalchemy", "trino://u@h/c"),
    "snowflake": ("snowflake.sqlalchemy", "snowflake://u@a/d"),
    "bigquery": ("sqlalchemy_bigquery", "bigquery://p/d"),
    "databricks": (
        "databricks.sqlalchemy",
        "databricks://token:t@h?http_path=p&catalog=c&schema=s",
    ),
    "redshift": ("sqlalchemy_redshift", "redshift+redshift_connector://u@h/d"),
}


@pytest.mark.parametrize("name", WAREHOUSES)
@pytest.mark.filterwarnings("ignore")
def test_warehouses_are_asked_in_their_own_language(name: str) -> None:
    """They cannot be run here: their dialects write the statement, a parser of each reads it."""
    module, url = WAREHOUSES[name]
    require_module(module)
    parser = require_module("sqlglot")
    plans = {"price": NumericPlan(0.1), "flag": NumericPlan(edges=(0.0, 1.0))}
    cells = gridded(LOG, plans, ["score"], ["place"], name, TYPES)
    terms = losses(cells.valid["score"], 0, name)
    keys = [cells.keys["price"], cells.keys["flag"], cells.scores["score"]]
    query = select(cells.rows.c.place, *keys, func.sum(terms.log_loss)).group_by(*keys)
    compiled = query.compile(
        dialect=make_url(url).get_dialect()(), compile_kwargs={"literal_binds": True}
    )
    tree = parser.parse_one(str(compiled), dialect=name)
    exp = parser.expressions
    assert len(list(tree.find_all(exp.Subquery))) == 5
    assert not list(tree.find_all(exp.Div, exp.Placeholder, exp.Command))
    casts = {cast.to.sql(dialect=name) for cast in tree.find_all(exp.Cast)}
    facts = DIALECTS[name]
    assert casts == {
        exp.DataType.build(each, dialect=name).sql(dialect=name)
        for each in (facts.double, facts.integer)
    }
