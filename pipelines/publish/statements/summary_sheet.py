"""The summary sheet of a statement: the customer, the amount due, and the bill by product, region and pay mode.

Rows are written in order, so the row of everything is computed before the first one is written.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.periods import BillMonth
from pipelines.publish.currencies import NO_CURRENCY, rounded
from pipelines.publish.statements.cells import FONT, PALE, RED, RULE, SOFT, Sheet, cell, cells, exact_text
from pipelines.publish.statements.figures import CostAmounts, Standing, left, unlike_total

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from xlsxwriter import Workbook

    from pipelines.publish.release_stamp import ReleaseStamp
    from pipelines.publish.statements.cells import Styles
    from pipelines.publish.statements.figures import Invoice, Statement, StatementSection, Table
    from pipelines.publish.statements.terms import InvoiceTerms

NAME = "Summary"

_LABEL, _BILLED, _DIFFERENCE, _INVOICED, _GAP = 0, 4, 5, 6, 7
_ROUNDED = (1, 2, 3, _BILLED, _INVOICED)
_EXACT = (8, 9, 10, 11, 12)
"""Columns of the five `CostAmounts`: rounded (_ROUNDED) and as exact text (_EXACT)."""
_EXACT_BILLED, _EXACT_INVOICED = _EXACT[3], _EXACT[4]
_LAST = _EXACT_INVOICED
_TITLES = ("Original", "Discount", "Voucher", "Billed", "Invoiced")

_NARROWEST = 14
"""Width in characters that the longest title of a column needs."""

_ROUNDING, _TOTAL_DUE = "Rounding", "Total due"

_DUE_ROWS = 9
"""Rows of the amount due: a header, seven lines of sums, and an empty row."""
_OTHER_ROWS = 4
"""Rows of a table apart from its parts: a header, rounding, the total, and an empty row."""

_HEAD = {"bold": True, "bg_color": PALE, "bottom": 1, "bottom_color": RULE, "text_wrap": True, "valign": "bottom"}
_SUM = {"bold": True, "top": 1, "top_color": RULE}
_DUE: dict[str, Any] = {"bold": True, "font_size": 12}
_NOTES = """\
Amounts are rounded to the smallest unit of their currency, halves away from zero. The rows 'Rounding' hold the \
difference between a rounded total and its rounded parts. Exact amounts are on the right, as text.
Billed is what the cloud service charges: original less discount less voucher. The column 'Rounding, other' holds \
differences to that which come from rounding or from the service's own lines.
Invoiced is billed plus markup, in the invoice's currency, before tax. It is computed exactly and rounded once.
The sheet 'Lines' has every line of the bill. Months, days and times are in UTC+8.""".splitlines()


def write_summary(book: Workbook, styles: Styles, statement: Statement) -> None:
    """Write the summary sheet."""
    sheet = Sheet(book, styles, NAME)
    sheet.page.hide_gridlines(2)
    sheet.page.repeat_rows(0, 1)
    sheet.page.set_footer(f"&L&8Statement {statement.stamp.bill_month}&R&8Page &P of &N")
    _set_widths(sheet, statement.sections)
    facts = list(_facts(statement))
    starts = _starts(max(len(facts) + 1, len(statement.sections)) + 2, statement.sections)
    _write_head(sheet, statement, facts, starts)
    for section, start in zip(statement.sections, starts, strict=False):
        _write_due(sheet, section, start, statement.terms)
        for table, row in zip(section.tables, _table_rows(section, start), strict=True):
            _write_table(sheet, table, row, section.invoice)
    for row, note in enumerate(_NOTES, starts[-1]):
        sheet.text(row, _LABEL, note, font_color=SOFT, font_size=8)
    last = starts[-1] + len(_NOTES) - 1
    sheet.page.ignore_errors({"number_stored_as_text": f"{cell(0, 0)}:{cell(last, _LAST)}"})
    sheet.page.print_area(0, 0, last, _LAST)


def _starts(first: int, sections: Sequence[StatementSection]) -> list[int]:
    """Return the first row of each section, and the row after the last one."""
    starts = [first]
    for section in sections:
        last_table = section.tables[-1]
        starts.append(_table_rows(section, starts[-1])[-1] + len(last_table.parts) + _OTHER_ROWS)
    return starts


def _table_rows(section: StatementSection, start: int) -> list[int]:
    """Return the first row of each table of a section."""
    rows = [start + _DUE_ROWS]
    for table in section.tables[:-1]:
        rows.append(rows[-1] + len(table.parts) + _OTHER_ROWS)
    return rows


def _set_widths(sheet: Sheet, sections: Sequence[StatementSection]) -> None:
    """Make each column as wide as its content: a number that does not fit would show as ####."""
    tables = [(table, section.invoice) for section in sections for table in section.tables]
    amounts = [
        (amount, currency)
        for table, invoice in tables
        for row_amounts in (*(part.amounts for part in table.parts), table.total)
        for amount, currency in zip(row_amounts, _currencies(invoice), strict=True)
        if amount is not None
    ]
    amounts += [(value, s.invoice.invoice_currency) for s in sections for value in (s.invoice.tax, s.invoice.due)]
    labels = [len(part.label) for table, _ in tables for part in table.parts]
    numbers = max(len(f"{currency} -{rounded(amount, currency):,}") for amount, currency in amounts)
    due = int(numbers * _DUE["font_size"] / FONT["font_size"]) + 1
    exact = max(len(exact_text(amount)) for amount, _ in amounts)
    sheet.page.set_column(_LABEL, _LABEL, min(max(30, *labels), 44))
    sheet.page.set_column(_ROUNDED[0], _DIFFERENCE, max(numbers, _NARROWEST) + 1)
    sheet.page.set_column(_INVOICED, _INVOICED, max(due, _NARROWEST) + 1)
    sheet.page.set_column(_GAP, _GAP, 2)
    sheet.page.set_column(_EXACT[0], _LAST, max(exact, _NARROWEST) + 1)


def _facts(statement: Statement) -> Iterator[tuple[str, str]]:
    stamp, terms = statement.stamp, statement.terms
    month = BillMonth(stamp.bill_month)
    last_day = (month.next.start.date() - month.start.date()).days
    yield "Account number (UIN)", statement.customer_uin
    if terms.customer_number:
        yield "Customer number", terms.customer_number
    if terms.cost_centre:
        yield "Cost centre", terms.cost_centre
    yield "Month", f"{month} (1 to {last_day} {month.start:%B %Y}, UTC+8)"
    yield "Terms", _terms_text(terms, statement.sections)
    yield "State", stamp.sentence
    if stamp.closed_release_id:
        yield "Closed", f"with release {stamp.closed_release_id}, which this statement is made from"


def _terms_text(terms: InvoiceTerms, sections: Sequence[StatementSection]) -> str:
    parts = [
        f"Markup {_percent(terms.markup)}" if terms.markup else "No markup",
        f"tax {_percent(terms.tax)}" if terms.tax else "no tax",
        *(_rate_text(section.invoice) for section in sections if _is_changed(section.invoice)),
    ]
    return ", ".join(parts)


def _is_changed(invoice: Invoice) -> bool:
    return invoice.currency != invoice.invoice_currency


def _rate_text(invoice: Invoice) -> str:
    return f"1 {invoice.currency or NO_CURRENCY} = {invoice.rate:f} {invoice.invoice_currency}"


def _percent(ratio: Decimal) -> str:
    return f"{(ratio * 100).normalize():f}%"


def _warning(statement: Statement) -> str | None:
    """Say why the statement is not final; None if it is.

    The reason given to close the month is left out: it may be about other customers.
    """
    if statement.standing is Standing.FINAL:
        return None
    return f"{statement.standing.upper()}: {', '.join(_problems(statement.stamp))}"


def _problems(stamp: ReleaseStamp) -> Iterator[str]:
    problems = {
        "the bill is not issued yet": stamp.month_state != "issued",
        "not all of it has landed": not stamp.is_complete,
        "its sums do not agree": not stamp.is_reconciled,
    }
    yield from (problem for problem, is_present in problems.items() if is_present)


def _write_head(sheet: Sheet, statement: Statement, facts: Sequence[tuple[str, str]], starts: Sequence[int]) -> None:
    """Write the facts about the statement on the left, and the amount due in each currency on the right."""
    sheet.page.set_row(0, 26)
    sheet.text(0, _LABEL, "Statement of cloud costs", bold=True, font_size=16)
    sheet.text(0, _INVOICED, _TOTAL_DUE, font_color=SOFT, align="right", valign="bottom")
    sheet.page.set_row(1, 20)
    sheet.text(1, _LABEL, statement.name, bold=True, font_size=12)
    dues = [(section.invoice, start) for section, start in zip(statement.sections, starts, strict=False)]
    for row, (fact, due) in enumerate(zip_longest([None, *facts], dues), 1):
        if fact:
            label, text = fact
            sheet.text(row, _LABEL, label, font_color=SOFT)
            sheet.text(row, 1, text)
        if due:
            invoice, start = due
            total = cell(start + _DUE_ROWS - 2, _INVOICED)
            sheet.total(row, _INVOICED, total, invoice.due, invoice.invoice_currency, coded=True, **_DUE)
        if row == 1:
            sheet.text(row, _EXACT[0], _warning(statement), bold=True, font_color=RED, font_size=12)


def _write_due(sheet: Sheet, section: StatementSection, start: int, terms: InvoiceTerms) -> None:
    """Write the steps from billed cost to amount due: in the bill's currency, then in the invoice's."""
    invoice, table_row = section.invoice, _table_rows(section, start)[0]
    total = table_row + len(section.tables[0].parts) + 2
    head, billed, _, markup_rounding, net, _, tax_rounding, _ = range(start, start + _DUE_ROWS - 1)
    bill_currency, invoice_currency = invoice.currency, invoice.invoice_currency
    _write_titles(sheet, head, "Amount due", invoice, _TITLES[-2:])
    lines = (
        ("Billed by the cloud service", _Value(invoice.billed, cell(total, _BILLED)), None),
        (f"Markup {_percent(terms.markup)}", _Value(invoice.markup), None),
        (
            _ROUNDING,
            _Value(left(invoice.marked_up, (invoice.billed, invoice.markup), bill_currency), is_exact=False),
            None,
        ),
        (
            f"Net, at {_rate_text(invoice)}" if _is_changed(invoice) else "Net",
            _Value(invoice.marked_up, f"SUM({cells(billed, markup_rounding, _BILLED)})"),
            _Value(invoice.net, cell(total, _INVOICED)),
        ),
        (f"Tax {_percent(terms.tax)}", None, _Value(invoice.tax)),
        (_ROUNDING, None, _Value(left(invoice.due, (invoice.net, invoice.tax), invoice_currency), is_exact=False)),
        (_TOTAL_DUE, None, _Value(invoice.due, f"SUM({cells(net, tax_rounding, _INVOICED)})")),
    )
    for row, (label, billed_value, invoice_value) in enumerate(lines, billed):
        is_sum = label == _TOTAL_DUE or row == net
        _write_line(sheet, row, label, (None, None, None, billed_value, invoice_value), invoice, is_sum=is_sum)


def _write_table(sheet: Sheet, table: Table, start: int, invoice: Invoice) -> None:
    """Write a table of the bill. Every column adds up, and so does every row."""
    _write_titles(sheet, start, table.title, invoice, _TITLES)
    rounding, total = start + 1 + len(table.parts), start + 2 + len(table.parts)
    for row, part in enumerate(table.parts, start + 1):
        _write_line(sheet, row, part.label, [_Value(amount) for amount in part.amounts], invoice)
        _write_difference(sheet, row, unlike_total(part.amounts, invoice.currency), invoice)
    parts = zip(*(part.amounts for part in table.parts), strict=True)
    remainders = [
        left(total_amount, part_amounts, currency)
        for total_amount, part_amounts, currency in zip(table.total, parts, _currencies(invoice), strict=True)
    ]
    _write_line(sheet, rounding, _ROUNDING, [_Value(amount, is_exact=False) for amount in remainders], invoice)
    _write_difference(sheet, rounding, unlike_total(CostAmounts(*remainders), invoice.currency), invoice)
    sums = [f"SUM({cells(start + 1, rounding, column)})" for column in _ROUNDED]
    totals = [_Value(amount, formula) for amount, formula in zip(table.total, sums, strict=True)]
    _write_line(sheet, total, "Total", totals, invoice, is_sum=True)
    _write_difference(sheet, total, unlike_total(table.total, invoice.currency), invoice, **_SUM)


class _Value(NamedTuple):
    """A value to write: the amount, its formula if it has one, and whether its exact text is written too."""

    amount: Decimal | None
    formula: str | None = None
    is_exact: bool = True


def _write_line(
    sheet: Sheet, row: int, label: str, values: Sequence[_Value | None], invoice: Invoice, *, is_sum: bool = False
) -> None:
    """Write a label, five rounded values and their exact texts; rounding differences have no exact text."""
    style = _SUM if is_sum else {}
    sheet.text(row, _LABEL, label, **style)
    for column in (_DIFFERENCE, _GAP) if is_sum else ():
        sheet.text(row, column, None, **style)
    for value, currency, column, exact in zip(values, _currencies(invoice), _ROUNDED, _EXACT, strict=True):
        if value and value.formula and value.amount is not None:
            sheet.total(row, column, value.formula, value.amount, currency, coded=is_sum, **style)
        else:
            sheet.amount(row, column, value and value.amount, currency, **style)
        if value and value.is_exact:
            sheet.exact(row, exact, value.amount, **style)
        else:
            sheet.text(row, exact, None, **style)


def _write_difference(sheet: Sheet, row: int, amount: Decimal | None, invoice: Invoice, **style: Any) -> None:
    if amount is None:
        sheet.amount(row, _DIFFERENCE, None, invoice.currency, **style)
        return
    list_cost, discount, voucher, billed = (cell(row, column) for column in _ROUNDED[:4])
    formula = f"{billed}-({list_cost}-{discount}-{voucher})"
    sheet.total(row, _DIFFERENCE, formula, amount, invoice.currency, **style)


def _write_titles(sheet: Sheet, row: int, title: str, invoice: Invoice, titles: Sequence[str]) -> None:
    """Write a header row: the last `titles` of the five columns, with their currencies, rounded and exact."""
    sheet.page.set_row(row, 26)
    for column in range(_LAST + 1):
        sheet.text(row, column, None, **_HEAD)
    sheet.text(row, _LABEL, title, **_HEAD)
    columns = list(zip(_TITLES, _currencies(invoice), _ROUNDED, _EXACT, strict=True))
    for name, currency, column, exact in columns[-len(titles) :]:
        sheet.text(row, column, f"{name}\n{currency or NO_CURRENCY}", align="right", **_HEAD)
        sheet.text(row, exact, f"{name}, exact\n{currency or NO_CURRENCY}", align="right", font_color=SOFT, **_HEAD)
    if len(titles) == len(_TITLES):
        sheet.text(row, _DIFFERENCE, f"Rounding, other\n{invoice.currency or NO_CURRENCY}", align="right", **_HEAD)


def _currencies(invoice: Invoice) -> tuple[str | None, ...]:
    """Return the currencies of the five `CostAmounts`."""
    return (*[invoice.currency] * 4, invoice.invoice_currency)
