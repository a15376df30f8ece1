"""The workbook of a statement: a summary sheet, then sheets with every line, ready to send.

Numbers in cells are binary. So amounts are rounded before they are written, with their exact text in another column,
and totals are formulas stored with their value. Rows are written in order and not kept in memory. Amounts are computed
in `figures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError

from pipelines.periods import BILLING_ZONE
from pipelines.publish.statements.cells import FONT, Styles
from pipelines.publish.statements.lines_sheet import write_lines
from pipelines.publish.statements.summary_sheet import write_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pipelines.publish.statements.figures import Statement


def write_workbook(path: Path, statement: Statement, lines: Iterable[Sequence[Any]]) -> None:
    """Write a statement to `path`; `lines` are its bill lines, with the values of `lines_sheet.COLUMNS`.

    Temporary files are beside `path`. The same statement gives the same bytes. Raises OSError.
    """
    options = {
        "constant_memory": True,
        "tmpdir": str(path.parent),
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
        "default_format_properties": dict(FONT),  # a copy, since XlsxWriter changes it
    }
    try:
        with Workbook(str(path), options) as book:
            book.set_properties(_properties(statement))
            styles = Styles(book)
            write_summary(book, styles, statement)
            write_lines(book, styles, statement, lines)
    except FileCreateError as error:  # it wraps the error of the disk
        raise OSError(*error.args[0].args) from error


def _properties(statement: Statement) -> dict[str, Any]:
    stamp = statement.stamp
    return {
        "title": f"Statement {stamp.bill_month}: {statement.name}",
        "subject": f"Cloud costs of {statement.customer_uin} in {stamp.bill_month}",
        "category": "Statement",
        "comments": stamp.sentence,
        "created": stamp.built_at.astimezone(BILLING_ZONE).replace(tzinfo=None),
    }
