"""Sample queries for analysts, and the page that shows them with their results.

Each is a file of `sql/sample_queries`: its first comment line is the question that it answers, the other comment lines
explain the result. Its bill month is the variable `month`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb

from pipelines.errors import BuildFailed
from pipelines.model.project import SQL
from pipelines.periods import BILLING_ZONE
from pipelines.publish.markdown import table

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

FOLDER = SQL / "sample_queries"

_HEAD = """\
# Sample queries

Made by `make docs`; a test runs all queries again and compares. The results are those of a small sandbox on 20 November
2026, with {month} closed and then restated. Its accounts are a distributor (`north`), one of its second-level resellers
(`harbour`) and `north`'s largest customer with a key of its own (`shop`), whose own bill `north` sees too. `make demo`
makes a release to try the queries on. Each is a file in `sql/sample_queries/` and runs in any DuckDB tool that has
`warehouse/billing.duckdb` open. Set the month first:

    set variable month = '{month}';

or, on the command line, `.venv/bin/python -m pipelines sql "set variable month = '{month}'; select ..."`.
[dictionary.md](dictionary.md) describes all tables and columns.
"""


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """The question that a query answers (`title`), how to read the result (`text`), and the SQL without comments."""

    name: str
    title: str
    text: str
    query: str


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of a query: column names, and rows in the query's order."""

    names: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def read_sample_queries(folder: Path = FOLDER) -> list[SampleQuery]:
    """Read all sample queries in the order of file names. Raises BuildFailed for a file that lacks a question."""
    return [_read(path) for path in sorted(folder.glob("*.sql"))]


def run_query(connection: DuckDBPyConnection, sample: SampleQuery, month: str) -> QueryResult:
    """Run a sample query for a bill month (YYYY-MM) on an open release. Raises BuildFailed if it fails."""
    connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
    connection.execute("set variable month = $month", {"month": month})
    try:
        found = connection.execute(sample.query)
    except duckdb.Error as error:
        raise BuildFailed(f"sql/sample_queries/{sample.name}.sql failed: {error}") from error
    return QueryResult(tuple(column[0] for column in found.description or ()), tuple(found.fetchall()))


def sample_queries_page(connection: DuckDBPyConnection, month: str) -> str:
    """Return the page as Markdown: every sample query with its question, SQL and result on this release."""
    samples = read_sample_queries()
    parts = [_HEAD.format(month=month)]
    parts.append("".join(f"{number}. [{each.title}](#{each.name})\n" for number, each in enumerate(samples, 1)))
    for number, sample in enumerate(samples, 1):
        result = run_query(connection, sample, month)
        shown = table(result.names, [tuple(map(_cell, row)) for row in result.rows]) if result.rows else "No rows.\n"
        head = f'<a id="{sample.name}"></a>\n\n## {number}. {sample.title}\n'
        parts.append(f"{head}\n{sample.text}\n\n```sql\n{sample.query}\n```\n\n{shown}")
    return "\n".join(parts)


def _read(path: Path) -> SampleQuery:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    query = "\n".join(line for line in lines if not line.startswith("--")).strip()
    if not comments or not comments[0].endswith("?") or not query:
        raise BuildFailed(
            f"{path} does not begin with a question: write it as the first comment, and the query below it."
        )
    return SampleQuery(path.stem, comments[0], " ".join(comments[1:]), query)


def _cell(value: object) -> str:
    """Return a value as text: a Decimal with all its digits, a float with four decimals, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
