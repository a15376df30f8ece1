"""Questions that analysts ask, each with its query, and the page that shows their answers.

A question is a file of `sql/sample_queries`: its first comment line is the question, the others say how to read the answer.
The month that it is about is the variable `month`. What does not belong here: where the release comes from.
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

QUESTIONS = SQL / "questions"

_HEAD = """\
# Questions and their queries

Made by `make docs`; a test asks all of them again and compares. The answers are those of a small sandbox on 20 November
2026, with {month} closed and then restated: a distributor (`north`), one of its second-level resellers (`harbour`), and
`north`'s largest customer with a key of its own (`shop`), whose own bill is the same money as `north`'s. `make demo`
gives you a release to try. Each query stands in `sql/sample_queries/` and runs in any DuckDB tool that has
`warehouse/billing.duckdb` open. Which month is asked about is said once:

    set variable month = '{month}';

or, on the command line, `.venv/bin/python -m pipelines sql "set variable month = '{month}'; select ..."`. What a table
and a column mean is told in [dictionary.md](dictionary.md).
"""


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """A question, how to read its answer, and its query without either."""

    name: str
    title: str
    text: str
    query: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of an answer, in the order of the query, under the names of its columns."""

    names: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def read_questions(folder: Path = QUESTIONS) -> list[SampleQuery]:
    """Read every question, in the order of the files' names. Raises BuildFailed for a file without a question."""
    return [_read(path) for path in sorted(folder.glob("*.sql"))]


def ask(connection: DuckDBPyConnection, question: SampleQuery, month: str) -> Answer:
    """Ask an open release a question about a bill month (YYYY-MM). Raises BuildFailed for a query that fails."""
    connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
    connection.execute("set variable month = $month", {"month": month})
    try:
        found = connection.execute(question.query)
    except duckdb.Error as error:
        raise BuildFailed(f"sql/sample_queries/{question.name}.sql cannot be asked: {error}") from error
    return Answer(tuple(column[0] for column in found.description or ()), tuple(found.fetchall()))


def questions_page(connection: DuckDBPyConnection, month: str) -> str:
    """Return the page as Markdown: every question with its query and what this release answers."""
    questions = read_questions()
    parts = [_HEAD.format(month=month)]
    parts.append("".join(f"{number}. [{each.title}](#{each.name})\n" for number, each in enumerate(questions, 1)))
    for number, question in enumerate(questions, 1):
        answer = ask(connection, question, month)
        shown = table(answer.names, [tuple(map(_cell, row)) for row in answer.rows]) if answer.rows else "No rows.\n"
        head = f'<a id="{question.name}"></a>\n\n## {number}. {question.title}\n'
        parts.append(f"{head}\n{question.text}\n\n```sql\n{question.query}\n```\n\n{shown}")
    return "\n".join(parts)


def _read(path: Path) -> SampleQuery:
    lines = path.read_text(encoding="utf-8").splitlines()
    told = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    query = "\n".join(line for line in lines if not line.startswith("--")).strip()
    if not told or not told[0].endswith("?") or not query:
        raise BuildFailed(f"{path} does not begin with a question: write it as its first comment, the query below.")
    return SampleQuery(path.stem, told[0], " ".join(told[1:]), query)


def _cell(value: object) -> str:
    """Spell a value: a Decimal with all its digits, what is a ratio to four."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
