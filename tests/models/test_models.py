"""Given these rows, that model gives those: one file of cases for each model and check, in `cases/`.

A case gives rows to what the model reads, a relation by its full name, and lists the rows it expects; columns that are
not named are null in what is given and not looked at in what is expected.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from pipelines.endpoints import DATASETS
from pipelines.model import lake, masking
from pipelines.model.project import SCHEMAS, Check, Model, read_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CASES = Path(__file__).with_name("cases")
PROJECT = read_project()
PARTS: dict[str, Model | Check] = {
    slice_params.name: slice_params for slice_params in (*PROJECT.models, *PROJECT.checks)
}
LISTED = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")
    for path in sorted(CASES.glob("*.yml"))
    for case in yaml.safe_load(path.read_text())
]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database with an empty table for everything that a model may read."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Asia/Shanghai'")
        masking.define(connection, None)
        for schema in ("raw", *SCHEMAS.values()):
            connection.execute(f"create schema if not exists {schema}")
        for dataset in DATASETS.values():
            connection.execute(f"create table raw.{dataset.name} as {lake._select(connection, dataset, [])}")
        for name, columns in lake.TABLES.items():
            connection.execute(f"create table raw.{name} ({', '.join(f'{k} {v}' for k, v in columns.items())})")
        for model in PROJECT.models:
            columns = ", ".join(f'"{column.name}" {column.type}' for column in model.columns)
            connection.execute(f"create table {model.full_name} ({columns})")
        yield connection


def give(connection: duckdb.DuckDBPyConnection, relation: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, given as text where their type has no other way to be spelled."""
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f"insert into {relation} ({names}) values ({marks})", list(row.values()))


@pytest.mark.parametrize(("name", "case"), LISTED)
def test_model(connection: duckdb.DuckDBPyConnection, name: str, case: dict[str, Any]) -> None:
    """The rows that the case gives make the rows that it expects, no more and no fewer."""
    for relation, rows in case.get("given", {}).items():
        give(connection, relation, rows)
    for variable, value in case.get("variables", {}).items():
        connection.execute(f"set variable {variable} = $value", {"value": value})
    connection.execute(f"create temp table actual as {PARTS[name].sql}")
    expected = case["expect"]
    if not expected:
        assert connection.execute("from actual").fetchall() == []
        return
    columns = ", ".join(f'"{column}"' for column in expected[0])
    connection.execute(f"create temp table expected as select {columns} from actual limit 0")
    give(connection, "expected", expected)
    assert sorted(map(str, connection.execute(f"select {columns} from actual").fetchall())) == sorted(
        map(str, connection.execute("from expected").fetchall())
    )


@pytest.mark.parametrize("name", sorted(PARTS))
def test_every_model_and_check_has_a_case(name: str) -> None:
    """A model or check without a given-and-expected case does not exist."""
    assert (CASES / f"{name}.yml").exists()


@pytest.mark.parametrize("check", PROJECT.checks, ids=lambda check: check.name)
def test_every_check_is_seen_to_break(check: Check) -> None:
    """Every check has a case in which it finds something, so that none of them is empty words."""
    cases = yaml.safe_load((CASES / f"{check.name}.yml").read_text())
    assert any(case["expect"] for case in cases)
    assert any(not case["expect"] for case in cases)
