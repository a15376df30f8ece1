"""A database with all relations of the models, made once for all cases."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from pipelines.endpoints import DATASETS
from pipelines.model import lake, masking
from pipelines.model.models import SCHEMAS
from pipelines.model.project import read_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Schema:
    """A database with an empty table for each relation that a model or check can read."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        connection.execute("set TimeZone = 'Asia/Shanghai'")
        masking.define(connection, None)
        connection.execute(read_project().macros)
        for name in ("raw", *SCHEMAS.values()):
            connection.execute(f"create schema if not exists {name}")
        for dataset in DATASETS.values():
            connection.execute(f"create table raw.{dataset.name} as {lake._select(connection, dataset, [])}")
        for table, columns in lake.TABLES.items():
            connection.execute(f"create table raw.{table} ({', '.join(f'{k} {v}' for k, v in columns.items())})")
        for model in read_project().models:
            columns = ", ".join(f'"{column.name}" {column.type}' for column in model.columns)
            connection.execute(f"create table {model.full_name} ({columns})")
            if model.schema == "seeds":
                connection.execute(f"insert into {model.full_name} by name {model.sql}")

    @contextmanager
    def filled(
        self, given: Mapping[str, Sequence[Mapping[str, Any]]], variables: Mapping[str, Any] | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Insert these rows by relation and set these variables. Both are undone at the end."""
        try:
            self.connection.execute("begin")
            for relation, rows in given.items():
                self._insert(relation, rows)
            for name, value in (variables or {}).items():
                self.connection.execute(f"set variable {name} = $value", {"value": value})
            yield self.connection
        finally:
            self.connection.execute("rollback")
            for name in variables or {}:
                self.connection.execute(f"reset variable {name}")

    def _insert(self, relation: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows; missing columns are null. A value may be text: DuckDB casts it to the column's type."""
        columns = list(dict.fromkeys(name for row in rows for name in row))
        if columns:
            names = ", ".join(f'"{name}"' for name in columns)
            marks = ", ".join(f"({', '.join('?' for _ in columns)})" for _ in rows)
            values = [row.get(name) for row in rows for name in columns]
            self.connection.execute(f"insert into {relation} ({names}) values {marks}", values)


@pytest.fixture(scope="session")
def schema() -> Iterator[Schema]:
    """Return the schema. Rows that a test inserts are rolled back."""
    with duckdb.connect(config={"threads": "1"}) as connection:
        yield Schema(connection)
