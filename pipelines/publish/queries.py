"""The queries of `sql/queries`: what pages, statements, closes and exports read from a release.

A file's first line says what its query returns. Rows are read by the names of their columns, never by position.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.model.project import SQL

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

FOLDER = SQL / "queries"

Row = TypeVar("Row")


@cache
def text(name: str) -> str:
    """Return the SQL of a query."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def rows(connection: DuckDBPyConnection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    """Run a query, with those of the parameters that it names, and return its rows: values by column."""
    found = _run(connection, text(name), parameters)
    columns = [column[0] for column in found.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def keep(connection: DuckDBPyConnection, name: str, **parameters: Any) -> None:
    """Run a query that others read, and keep its rows in a temporary table of its name."""
    _run(connection, f"create or replace temp table {name} as\n{text(name)}", parameters)


def read(connection: DuckDBPyConnection, shape: Callable[..., Row], name: str, **parameters: Any) -> list[Row]:
    """Run a query and make each row a `shape`, whose fields have the names of the columns."""
    return [shape(**row) for row in rows(connection, name, **parameters)]


def _run(connection: DuckDBPyConnection, query: str, parameters: dict[str, Any]) -> DuckDBPyConnection:
    (statement,) = connection.extract_statements(query)
    return connection.execute(query, {name: parameters[name] for name in statement.named_parameters})
