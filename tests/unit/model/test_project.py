"""Tests of the SQL as data: order, scopes, and .yml that tells the truth about its .sql."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.endpoints import DATASETS
from pipelines.errors import BuildFailed
from pipelines.model import lake
from pipelines.model.build import ReleaseIdentity, _set_variables
from pipelines.model.project import SCHEMAS, SQL, read_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.model.project import Model

PROJECT = read_project()
MODELS = pytest.mark.parametrize("model", PROJECT.models, ids=lambda model: model.full_name)


@pytest.fixture(scope="module")
def described() -> Iterator[dict[str, list[tuple[str, str]]]]:
    """Give, by full name, the columns and types that DuckDB itself sees in every model."""
    columns = {}
    with duckdb.connect() as connection:
        for schema in SCHEMAS.values():
            connection.execute(f"create schema if not exists {schema}")
        lake.make_raw(connection, SQL, [], {}, {f"raw.{name}" for name in (*DATASETS, *lake.TABLES)})
        _set_variables(connection, PROJECT, ReleaseIdentity("", datetime(2026, 11, 20, tzinfo=UTC), ""))
        for model in PROJECT.models:
            # A table, as a build makes one: views upon views upon views take minutes to bind.
            connection.execute(f"create table {model.full_name} as {model.sql} with no data")
            found = connection.execute(f"describe {model.full_name}").fetchall()
            columns[model.full_name] = [(row[0], row[1]) for row in found]
        yield columns


def test_what_is_staged_of_nothing_is_nothing() -> None:
    """A build takes this for granted, and stages what never landed as empty tables."""
    staged = [
        model for model in PROJECT.models if {f"raw.{name}" for name in DATASETS}.issuperset(model.reads or ("",))
    ]
    assert len(staged) >= len(DATASETS)
    with duckdb.connect() as connection:
        lake.make_raw(connection, SQL, [], {}, {f"raw.{name}" for name in DATASETS})
        _set_variables(connection, PROJECT, ReleaseIdentity("", datetime(2026, 11, 20, tzinfo=UTC), ""))
        assert [model.name for model in staged if connection.execute(model.sql).fetchall()] == []


@MODELS
def test_columns_of_the_yml_are_those_of_the_sql(model: Model, described: dict[str, list[tuple[str, str]]]) -> None:
    """Names, order and types in the .yml are what DuckDB makes of the .sql."""
    assert [(column.name, column.type) for column in model.columns] == described[model.full_name]


@MODELS
def test_keys_are_columns(model: Model) -> None:
    """A model's key is made of its own columns."""
    assert set(model.key) <= {column.name for column in model.columns}


@MODELS
def test_money_and_quantities_have_a_unit(model: Model) -> None:
    """Every decimal says what it is counted in."""
    assert [column.name for column in model.columns if column.type.startswith("DECIMAL") and not column.unit] == []


@MODELS
def test_no_amount_is_a_float(model: Model) -> None:
    """Money never becomes a binary float; what is one says by its name that it is a ratio, a mean or a price of one."""
    floats = [column.name for column in model.columns if column.type in {"DOUBLE", "FLOAT"}]
    assert [name for name in floats if not name.endswith(("_ratio", "_avg", "_unit_price", "_score"))] == []


@MODELS
def test_models_come_after_what_they_read(model: Model) -> None:
    """The order of the models is one in which they can be made."""
    order = [other.full_name for other in PROJECT.models]
    assert all(order.index(read) < order.index(model.full_name) for read in model.reads if read in order)


READS = {
    "staging": {"raw"},
    "intermediate": {"staging", "intermediate"},
    "main": {"staging", "intermediate", "main"},
    "meta": {"staging", "main"},
}


@MODELS
def test_layers_read_what_they_may(model: Model) -> None:
    """Staging alone reads raw; nothing reads a later layer."""
    assert {read.split(".")[0] for read in model.reads} <= READS[model.schema]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_has_its_staging_model(dataset: str) -> None:
    """A landed dataset is staged by the model of its name, which reads nothing else."""
    model = next(model for model in PROJECT.models if model.full_name == f"staging.stg_{dataset}")
    assert model.reads == (f"raw.{dataset}",)


def test_every_check_belongs_to_a_published_model() -> None:
    """A check names a table that it is about, and is run in a scope in which that table is made."""
    scopes = {model.name: model.scope for model in PROJECT.published}
    assert all(scopes[check.model] is check.scope for check in PROJECT.checks)


def test_lost_text_is_looked_for_in_every_staging_model_that_casts() -> None:
    """No staging model with cast columns is left out of the check on lost text."""
    read = {name for check in PROJECT.checks if check.name.endswith("text_is_lost_or_rounded") for name in check.reads}
    casting = {model.full_name for model in PROJECT.models if "source" in {column.name for column in model.columns}}
    assert casting == read


@pytest.mark.parametrize("model", [model for model in PROJECT.models if "source" in {c.name for c in model.columns}])
def test_every_cast_column_keeps_its_text(model: Model) -> None:
    """What staging casts it also keeps as text, for the check."""
    kept = next(column.type for column in model.columns if column.name == "source")
    times = {"transaction_at", "usage_start_at", "usage_end_at"}
    cast = [column.name for column in model.columns if column.type.startswith("DECIMAL") or column.name in times]
    assert [name for name in cast if f"{name} VARCHAR" not in kept] == []


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


SPEC = "description: A model.\ngrain: one row\nkey: []\nscope: {scope}\ncolumns: []\n"


def test_a_month_model_must_not_read_a_whole_one(tmp_path: Path) -> None:
    """Names of today in a month made long ago would differ between an incremental and a full build."""
    write(tmp_path, "marts/dim_a", "select 1 as a", SPEC.format(scope="whole"))
    write(tmp_path, "marts/fct_b", "select a from main.dim_a", SPEC.format(scope="month"))
    with pytest.raises(BuildFailed, match=r"main\.fct_b is made month by month, so it must not read main\.dim_a"):
        read_project(tmp_path)


def test_a_published_view_must_not_read_what_readers_lack(tmp_path: Path) -> None:
    """Staging lives while a build runs; a view over it could not be read in the release."""
    spec = SPEC.format(scope="whole")
    write(tmp_path, "staging/stg_a", "select 1 as a", spec)
    write(tmp_path, "marts/b", "select a from staging.stg_a", spec + "materialized: view\n")
    with pytest.raises(BuildFailed, match=r"main\.b is a view that readers run, so it must not read staging\.stg_a"):
        read_project(tmp_path)


def test_a_circle_is_refused(tmp_path: Path) -> None:
    """Two models that read each other are named."""
    write(tmp_path, "marts/a", "select 1 as x from main.b", SPEC.format(scope="whole"))
    write(tmp_path, "marts/b", "select 1 as x from main.a", SPEC.format(scope="whole"))
    with pytest.raises(BuildFailed, match="in a circle"):
        read_project(tmp_path)


def test_an_unknown_relation_is_refused(tmp_path: Path) -> None:
    """A model that reads what nothing makes is named with it."""
    write(tmp_path, "marts/a", "select 1 as x from main.nothing", SPEC.format(scope="whole"))
    with pytest.raises(BuildFailed, match=r"main\.a reads main\.nothing"):
        read_project(tmp_path)


@pytest.mark.parametrize(
    ("sql", "yml"),
    [
        ("select 1 as x", "description: no more than that\n"),
        ("select 1 as x", ": : :"),
        ("selec 1", SPEC.format(scope="whole")),
        ("select 1 as x", SPEC.format(scope="weekly")),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path: Path, sql: str, yml: str) -> None:
    """Whatever is wrong with a model's two files, the failure names the file."""
    write(tmp_path, "marts/odd", sql, yml)
    with pytest.raises(BuildFailed, match=r"odd\.(sql|yml)"):
        read_project(tmp_path)


def test_a_changed_comment_is_a_changed_model(tmp_path: Path) -> None:
    """The digest covers the .yml, since comments are published too."""
    write(tmp_path, "one/marts/a", "select 1 as x", SPEC.format(scope="whole"))
    write(tmp_path, "two/marts/a", "select 1 as x", SPEC.format(scope="whole").replace("A model", "Another"))
    assert read_project(tmp_path / "one").digests != read_project(tmp_path / "two").digests
