"""The workbook of a statement: a summary, then every line, ready to send.

Cells are binary numbers. So amounts are rounded before they become a cell, their exact text stands beside, and totals
are formulas that carry the value they come to. Rows are written in order and not kept: a bill of any length needs the
same memory. What does not belong here: computing an amount.
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
    """Write a statement to `path`; `lines` are its lines, as `lines_sheet.COLUMNS` asks for them.

    Rows are spooled beside `path`. The same statement gives the same bytes. Raises OSError.
    """
    options = {
        "constant_memory": True,
        "tmpdir": str(path.parent),
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
        "default_format_properties": dict(FONT),  # XlsxWriter writes into it, so the next workbook would be another
    }
    try:
        with Workbook(str(path), options) as book:
            book.set_properties(_properties(statement))
            styles = Styles(book)
            write_summary(book, styles, statement)
            write_lines(book, styles, statement, lines)
    except FileCreateError as error:  # what the disk said is in it
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
