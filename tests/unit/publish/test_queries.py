"""Tests of the queries of `sql/queries`: each is used, binds on the published tables and names every column once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import pipelines
from pipelines.model.models import PUBLISHED
from pipelines.model.project import read_project
from pipelines.publish import queries

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = sorted(path.stem for path in queries.FOLDER.glob("*.sql"))
TEMPORARY = "report_costs"


@pytest.fixture(scope="module")
def schema() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the published tables and views without rows, and the temporary table of the report."""
    with duckdb.connect() as connection:
        for name in PUBLISHED:
            connection.execute(f"create schema if not exists {name}")
        for model in read_project().published:
            columns = ", ".join(f'"{column.name}" {column.type}' for column in model.columns)
            connection.execute(f"create table {model.full_name} ({columns})")
        queries.keep(connection, TEMPORARY, is_own_bill=False, account="", first_month="", month="")
        yield connection


@pytest.mark.parametrize("name", NAMES)
def test_a_query_binds_on_the_published_tables(name: str, schema: duckdb.DuckDBPyConnection) -> None:
    """A query reads columns that a release has, and each of its own columns has a name of its own."""
    query = queries.text(name)
    (statement,) = schema.extract_statements(query)
    types = {"months": [], "is_own_bill": False, "has_previous": False}
    found = schema.execute(query, {name: types.get(name, "2026-10") for name in statement.named_parameters})
    columns = [column[0] for column in found.description]
    assert len(columns) == len(set(columns))
    assert all(re.fullmatch(r"[a-z_]+", column) for column in columns)
    assert query.startswith("-- ")
    assert " Grain: " in query.partition("\n")[0]


def test_every_query_is_used() -> None:
    """Each file of `sql/queries` is named in `publish`, where a report's queries go without their prefix."""
    code = "".join(path.read_text() for path in (Path(pipelines.__file__).parent / "publish").rglob("*.py"))
    named = set(re.findall(r"[\"'](\w+)[\"']", code))
    assert [name for name in NAMES if name not in named and name.removeprefix("report_") not in named] == []
