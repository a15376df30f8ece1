"""Tests of the SQL as data: order, scopes, and .yml that tells the truth about its .sql."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.endpoints import DATASETS
from pipelines.errors import BuildFailed
from pipelines.model import lake, unread
from pipelines.model.build import ReleaseIdentity, _columns, _set_variables
from pipelines.model.models import SCHEMAS, Scope
from pipelines.model.project import SQL, read_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipelines.model.models import Column

PROJECT = read_project()
STAGING = [model for model in PROJECT.models if model.schema == "staging" and model.full_name != unread.MODEL]
READS = {
    "staging": {"raw"},
    "intermediate": {"staging", "intermediate"},
    "seeds": set(),
    "main": {"seeds", "staging", "intermediate", "main"},
    "meta": {"staging", "intermediate", "main", "meta"},
}
"""The schemas that the models of a schema may read."""


@pytest.fixture(scope="module")
def made() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database with every model made as a table of an empty lake, by its SQL."""
    with duckdb.connect() as connection:
        for schema in SCHEMAS.values():
            connection.execute(f"create schema if not exists {schema}")
        lake.make_raw(connection, SQL, [], {}, {f"raw.{name}" for name in (*DATASETS, *lake.TABLES)})
        _set_variables(connection, PROJECT, ReleaseIdentity("", datetime(2026, 11, 20, tzinfo=UTC), ""))
        for model in PROJECT.models:
            # A table, as a build makes one: views upon views upon views take minutes to bind.
            if model.full_name != unread.MODEL:
                connection.execute(f"create table {model.full_name} as {model.sql}")
            else:
                connection.execute(f"create table {model.full_name} ({_columns(model)})")
                connection.execute(f"insert into {model.full_name} by name {unread.select(connection, STAGING)}")
        yield connection


def test_columns_of_the_yml_are_those_of_the_sql(made: duckdb.DuckDBPyConnection) -> None:
    """Names and types in the .yml are what DuckDB makes of the .sql; in published views also their order.

    Tables are filled by name.
    """
    odd = {}
    for model in PROJECT.models:
        described = [row[:2] for row in made.execute(f"describe {model.full_name}").fetchall()]
        told = [(column.name, column.type) for column in model.columns]
        if described != told and (sorted(described) != sorted(told) or (model.is_published and model.is_view)):
            odd[model.full_name] = described
    assert odd == {}


def test_what_is_staged_of_nothing_is_nothing(made: duckdb.DuckDBPyConnection) -> None:
    """A build takes this for granted, and stages what never landed as empty tables."""
    datasets = {f"raw.{name}" for name in DATASETS}
    staged = [model.full_name for model in PROJECT.models if datasets.issuperset(model.reads or ("",))]
    assert {read for model in STAGING if model.full_name in staged for read in model.reads} == datasets
    assert [name for name in staged if made.execute(f"from {name}").fetchall()] == []


def test_seeds_are_read_and_have_unique_keys(made: duckdb.DuckDBPyConnection) -> None:
    """A list that no model reads is dead, and a key that occurs twice would double rows."""
    seeds = [model for model in PROJECT.models if model.schema == "seeds"]
    assert seeds
    assert {seed.full_name for seed in seeds} <= {read for model in PROJECT.models for read in model.reads}
    for seed in seeds:
        keys = ", ".join(f"lower({name})" for name in seed.key)
        repeated = f"select {keys} from {seed.full_name} group by all having count(*) > 1"
        assert made.execute(repeated).fetchall() == []


def test_keys_are_columns() -> None:
    """A model's key is made of its own columns."""
    columns = {model.full_name: {column.name for column in model.columns} for model in PROJECT.models}
    assert [model.full_name for model in PROJECT.models if not set(model.key) <= columns[model.full_name]] == []


def test_months_can_be_replaced() -> None:
    """A table that is made month by month has the column by which its months are replaced."""
    tables = [model for model in PROJECT.tables if model.scope is Scope.MONTH]
    assert tables
    assert [model.name for model in tables if "bill_month" not in {column.name for column in model.columns}] == []


def test_money_and_quantities_have_a_unit() -> None:
    """Every decimal says what it is counted in."""
    assert columns_where(lambda column: column.type.startswith("DECIMAL") and not column.unit) == []


def test_no_amount_is_a_float() -> None:
    """Money never becomes a binary float; what is one says by its name that it is a ratio, a mean or a price of one."""
    names = ("_ratio", "_avg", "_unit_price", "_score")
    assert columns_where(lambda column: column.type in {"DOUBLE", "FLOAT"} and not column.name.endswith(names)) == []


def columns_where(is_odd: Callable[[Column], bool]) -> list[str]:
    """List the columns of all models of which this is true."""
    return [
        f"{model.full_name}.{column.name}" for model in PROJECT.models for column in model.columns if is_odd(column)
    ]


def test_models_come_after_what_they_read() -> None:
    """The order of the models is one in which they can be made."""
    order = {model.full_name: number for number, model in enumerate(PROJECT.models)}
    assert [
        f"{model.full_name} before {read}"
        for model in PROJECT.models
        for read in model.reads
        if read in order and order[read] >= order[model.full_name]
    ] == []


def test_layers_read_what_they_may() -> None:
    """Staging alone reads raw; nothing reads a later layer, but for views, which hold no old rows."""
    assert [
        f"{model.full_name} reads {read}"
        for model in PROJECT.models
        for read in model.reads
        if read.split(".")[0] not in READS[model.schema] | ({"main"} if model.is_view else set())
    ] == []


def test_every_dataset_has_its_staging_model() -> None:
    """Every relation of `raw` is staged by one model: packs by that of the files, the others by one of their own."""
    staged = sorted(read for model in STAGING for read in model.reads)
    assert staged == sorted(f"raw.{name}" for name in (*DATASETS, *lake.TABLES))
    shared = {model.name: len(model.reads) for model in STAGING if len(model.reads) > 1}
    assert shared == {"stg_customer_bill_detail_files": 2, "stg_customer_bill_resource_files": 2}
    names = {model.name.removeprefix("stg_") for model in STAGING}
    assert names >= {name for name in DATASETS if not name.endswith("_packs")}


def test_every_check_is_run_where_its_models_are_made() -> None:
    """A check of what is built month by month may be run on the whole lake, but not the other way round."""
    scopes = {model.full_name: model.scope for model in PROJECT.models}
    assert [
        check.name
        for check in PROJECT.checks
        if check.scope is Scope.MONTH and Scope.WHOLE in {scopes[read] for read in check.reads}
    ] == []


def test_wanted_leaves_out_what_was_made_before() -> None:
    """What reads a published table finds it there: what that was made of is not wanted again."""
    due = {model.name: model for model in PROJECT.tables}
    assert PROJECT.wanted([due["fct_monthly_costs"]]) == {"main.fct_bill_lines"}
    assert "raw.customer_bill_detail" in PROJECT.wanted([due["fct_bill_lines"]])
    assert "main.dim_customers" not in PROJECT.wanted([due["dim_customers"]])


def write(root: Path, name: str, sql: str, yml: str) -> None:
    """Write one model or check of a project made up for a test."""
    path = root / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sql)
    path.with_suffix(".yml").write_text(yml)
    for folder in (root, path.parents[1]):
        (folder / "macros.sql").write_text("")
        (folder / "columns.yml").write_text("{}")


SPEC = "description: A model.\ngrain: one row\nkey: []\nscope: {scope}\ncolumns: []\n"


def test_a_month_model_must_not_read_a_whole_one(tmp_path: Path) -> None:
    """Names of today in a month made long ago would differ between an incremental and a full build."""
    write(tmp_path, "marts/dim_a", "select 1 as a", SPEC.format(scope="whole"))
    write(tmp_path, "marts/fct_b", "select a from main.dim_a", SPEC.format(scope="month"))
    with pytest.raises(BuildFailed, match=r"main\.fct_b.*main\.dim_a"):
        read_project(tmp_path)


def test_a_published_view_must_not_read_what_readers_lack(tmp_path: Path) -> None:
    """Staging lives while a build runs; a view over it could not be read in the release."""
    spec = SPEC.format(scope="whole")
    write(tmp_path, "staging/stg_a", "select 1 as a", spec)
    write(tmp_path, "marts/b", "select a from staging.stg_a", spec + "materialized: view\n")
    with pytest.raises(BuildFailed, match=r"main\.b.*staging\.stg_a"):
        read_project(tmp_path)


def test_a_circle_is_refused(tmp_path: Path) -> None:
    """Two models that read each other are named."""
    write(tmp_path, "marts/a", "select 1 as x from main.b", SPEC.format(scope="whole"))
    write(tmp_path, "marts/b", "select 1 as x from main.a", SPEC.format(scope="whole"))
    with pytest.raises(BuildFailed, match=r"main\.(a .*main\.b|b .*main\.a)"):
        read_project(tmp_path)


def test_an_unknown_relation_is_refused(tmp_path: Path) -> None:
    """A model that reads what nothing makes is named with it."""
    write(tmp_path, "marts/a", "select 1 as x from main.nothing", SPEC.format(scope="whole"))
    with pytest.raises(BuildFailed, match=r"main\.a.*main\.nothing"):
        read_project(tmp_path)


def test_a_file_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """Whatever is wrong with a model's two files, the failure names the file."""
    odd = [
        ("select 1 as x", "description: no more than that\n"),
        ("select 1 as x", ": : :"),
        ("select 1 as x", SPEC.format(scope="weekly")),
    ]
    for number, (sql, yml) in enumerate(odd):
        write(tmp_path, f"{number}/marts/odd", sql, yml)
        with pytest.raises(BuildFailed, match=r"odd\.(sql|yml)"):
            read_project(tmp_path / str(number))


def test_a_changed_comment_is_a_changed_model(tmp_path: Path) -> None:
    """The digest covers the .yml, since comments are published too."""
    write(tmp_path, "one/marts/a", "select 1 as x", SPEC.format(scope="whole"))
    write(tmp_path, "two/marts/a", "select 1 as x", SPEC.format(scope="whole").replace("A model", "Another"))
    assert read_project(tmp_path / "one").digests != read_project(tmp_path / "two").digests
