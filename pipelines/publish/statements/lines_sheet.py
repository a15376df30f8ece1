"""The sheets with all lines of a bill, with filters; as many sheets as the lines need.

Amounts have the service's 8 decimals: rounded to cents most lines would be 0, and their sum would differ.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.publish.currencies import NO_CURRENCY
from pipelines.publish.statements.cells import PALE, RULE, SOFT, Sheet, cell, cells, exact_text, without_markup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from pipelines.publish.statements.cells import Styles
    from pipelines.publish.statements.figures import Statement

NAME = "Lines"

ROWS_PER_SHEET = 1_048_576
"""Rows that a spreadsheet's sheet can hold."""

_FIRST_YEAR = 1900


class LineColumn(NamedTuple):
    """A column: its title, its column of the query `statement_lines`, its width in characters, and its kind of cell."""

    title: str
    name: str
    width: int
    kind: str


COLUMNS = (
    LineColumn("Usage from", "usage_from", 15, "time"),
    LineColumn("Product", "product", 27, "text"),
    LineColumn("Component", "component", 22, "text"),
    LineColumn("Region", "region_name", 26, "text"),
    LineColumn("Resource", "resource_id", 17, "text"),
    LineColumn("Resource name", "resource_name", 17, "text"),
    LineColumn("Pay mode", "pay_mode_name", 23, "text"),
    LineColumn("Transaction", "transaction_type", 23, "text"),
    LineColumn("Quantity", "consumed_quantity", 11, "number"),
    LineColumn("Unit", "consumed_unit", 9, "text"),
    LineColumn("Original", "list_cost", 14, "amount"),
    LineColumn("Discount", "discount_amount", 13, "amount"),
    LineColumn("Voucher", "voucher_amount", 13, "amount"),
    LineColumn("Billed", "billed_cost", 14, "amount"),
    LineColumn("Billed, exact", "billed_cost", 14, "exact"),
    LineColumn("Currency", "currency", 9, "text"),
    LineColumn("Usage to", "usage_to", 15, "time"),
    LineColumn("Subproduct", "subproduct", 26, "text"),
    LineColumn("Project", "project_name", 16, "text"),
    LineColumn("Unit price", "list_unit_price", 14, "number"),
    LineColumn("Price unit", "pricing_unit", 17, "text"),
    LineColumn("Line", "line_id", 24, "text"),
)
_BILLED = next(index for index, column in enumerate(COLUMNS) if column.title == "Billed")
_CURRENCY = next(index for index, column in enumerate(COLUMNS) if column.title == "Currency")
_EXACT = next(index for index, column in enumerate(COLUMNS) if column.kind == "exact")
_LAST_PRINTED = _CURRENCY
"""Columns to the right of it are not printed: they would make everything too small to read."""

_DECIMALS = 8
_AMOUNT = "#,##0.00000000;[Red]-#,##0.00000000"
_HEAD = {"bold": True, "bg_color": PALE, "bottom": 1, "bottom_color": RULE}
_STYLES: dict[str, dict[str, Any]] = {
    "text": {"num_format": "@", "align": "left", "indent": 1},
    "time": {"num_format": "yyyy-mm-dd hh:mm", "align": "left"},
    "number": {"num_format": "#,##0.00########"},
    "amount": {"num_format": _AMOUNT},
    "exact": {"num_format": "@", "align": "right", "font_color": SOFT},
}


def write_lines(book: Workbook, styles: Styles, statement: Statement, lines: Iterable[Sequence[Any]]) -> None:
    """Write the bill lines of a statement (values of COLUMNS), with their total in each currency above them."""
    header = len(statement.sections)
    lines_per_sheet = ROWS_PER_SHEET - header - 1
    starts = range(0, max(statement.line_count, 1), lines_per_sheet)
    last_rows = {
        NAME if number == 1 else f"{NAME} {number}": header + min(lines_per_sheet, statement.line_count - start)
        for number, start in enumerate(starts, 1)
    }
    remaining = iter(lines)
    for name, last in last_rows.items():
        sheet = Sheet(book, styles, name)
        _set_page(sheet, header, last, statement.stamp.bill_month)
        if name == NAME:
            _write_totals(sheet, statement, last_rows)
        for index, column in enumerate(COLUMNS):
            sheet.text(header, index, column.title, **_HEAD, **_alignment(column.kind))
        _write_rows(sheet.page, styles, header + 1, islice(remaining, lines_per_sheet))


def _alignment(kind: str) -> dict[str, Any]:
    """Return the alignment of a title: that of the cells below it."""
    style = _STYLES[kind]
    return {"align": style.get("align", "right"), "indent": style.get("indent", 0)}


def _set_page(sheet: Sheet, header: int, last: int, month: str) -> None:
    page, right = sheet.page, len(COLUMNS) - 1
    for index, column in enumerate(COLUMNS):
        page.set_column(index, index, column.width)
    page.freeze_panes(header + 1, 0)
    page.autofilter(header, 0, last, right)
    page.repeat_rows(header)
    page.print_area(0, 0, last, _LAST_PRINTED)
    page.set_footer(f"&L&8Statement {month}: lines&R&8Page &P of &N")
    page.ignore_errors({"number_stored_as_text": f"{cell(0, 0)}:{cell(last, right)}"})


def _write_totals(sheet: Sheet, statement: Statement, last_rows: Mapping[str, int]) -> None:
    """Write the total of each currency above the header: a formula over all sheets, and its exact text."""
    first = len(statement.sections) + 1
    for row, section in enumerate(statement.sections):
        billed = section.invoice.billed
        currency_cell = cell(row, _CURRENCY, NAME)
        sums = "+".join(
            f"SUMIF({cells(first, last, _CURRENCY, name)},{currency_cell},{cells(first, last, _BILLED, name)})"
            for name, last in last_rows.items()
        )
        sheet.text(row, 0, f"{statement.line_count:,} lines" if row == 0 else None)
        sheet.text(row, _BILLED - 1, "Total billed", bold=True, align="right")
        sheet.formula(row, _BILLED, sums, billed, _DECIMALS, num_format=_AMOUNT, bold=True)
        sheet.exact(row, _EXACT, billed, bold=True)
        sheet.text(row, _CURRENCY, section.invoice.currency or NO_CURRENCY, bold=True, **_alignment("text"))


def _write_rows(page: Worksheet, styles: Styles, first: int, rows: Iterable[Sequence[Any]]) -> None:
    """Write bill lines from row `first` on. Formats are looked up once, since this loop takes most of the time."""
    formats = [styles(**_STYLES[column.kind]) for column in COLUMNS]
    writers = [_WRITERS[column.kind] for column in COLUMNS]
    columns = range(len(COLUMNS))
    for row, values in enumerate(rows, first):
        for column, value, write, cell_format in zip(columns, values, writers, formats, strict=True):
            if value is not None:
                write(page, row, column, value, cell_format)


def _write_text(page: Worksheet, row: int, column: int, text: str, cell_format: Format) -> None:
    page.write_string(row, column, without_markup(text), cell_format)


def _write_number(page: Worksheet, row: int, column: int, number: Decimal, cell_format: Format) -> None:
    page.write_number(row, column, number, cell_format)


def _write_exact(page: Worksheet, row: int, column: int, amount: Decimal, cell_format: Format) -> None:
    page.write_string(row, column, exact_text(amount), cell_format)


def _write_time(page: Worksheet, row: int, column: int, time: datetime, cell_format: Format) -> None:
    if time.year < _FIRST_YEAR:  # spreadsheets have no earlier days
        page.write_string(row, column, f"{time:%Y-%m-%d %H:%M}", cell_format)
    else:
        page.write_datetime(row, column, time, cell_format)


_WRITERS: dict[str, Callable[[Worksheet, int, int, Any, Format], None]] = {
    "text": _write_text,
    "time": _write_time,
    "number": _write_number,
    "amount": _write_number,
    "exact": _write_exact,
}
