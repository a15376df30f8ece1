"""The kinds of cells in statements: plain text, rounded amounts, formulas with their value, and exact amounts as text.

Every cell is written through this module, so that no text from a customer becomes a formula and no amount a float.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xlsxwriter.utility import xl_range, xl_rowcol_to_cell

from pipelines.publish.currencies import minor_unit, rounded

if TYPE_CHECKING:
    from decimal import Decimal

    from xlsxwriter import Workbook

INK, SOFT, PALE, RULE, RED = "#1F2937", "#6B7280", "#EEF2F6", "#9CA3AF", "#B42318"
FONT: dict[str, Any] = {"font_name": "Arial", "font_size": 9, "font_color": INK}

NOT_KNOWN = "not known"

_A4 = 9
_ROW_HEIGHT = 13
_EXACT_DECIMALS = 8


class Styles:
    """The formats of a workbook; each is created once."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._made: dict[frozenset[tuple[str, Any]], Any] = {}

    def __call__(self, **properties: Any) -> Any:
        """Return the format with these XlsxWriter properties."""
        key = frozenset(properties.items())
        if key not in self._made:
            self._made[key] = self._book.add_format(properties)
        return self._made[key]


class Sheet:
    """A sheet whose rows are written in order. It prints on A4, scaled to the width of its columns."""

    def __init__(self, book: Workbook, styles: Styles, name: str) -> None:
        self.name = name
        self.page = book.add_worksheet(name)
        self._styles = styles
        self.page.set_landscape()
        self.page.set_paper(_A4)
        self.page.fit_to_pages(1, 0)
        self.page.set_default_row(_ROW_HEIGHT)
        self.page.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)

    def text(self, row: int, column: int, text: str | None, **style: Any) -> None:
        """Write text as text, whatever it looks like. It stays text when someone edits the cell."""
        cell_format = self._styles(num_format="@", **style)
        if text:
            self.page.write_string(row, column, without_markup(text), cell_format)
        else:
            self.page.write_blank(row, column, None, cell_format)

    def amount(self, row: int, column: int, amount: Decimal | None, currency: str | None, **style: Any) -> None:
        """Write an amount rounded to its currency's smallest unit; an empty cell for None."""
        cell_format = self._styles(num_format=number_format(currency), **style)
        if amount is None:
            self.page.write_blank(row, column, None, cell_format)
        else:
            self.page.write_number(row, column, _unsigned(rounded(amount, currency)), cell_format)

    def total(
        self,
        row: int,
        column: int,
        formula: str,
        amount: Decimal,
        currency: str | None,
        *,
        coded: bool = False,
        **style: Any,
    ) -> None:
        """Write a formula, rounded to the currency's smallest unit, together with its value."""
        form = number_format(currency, coded=coded)
        value = _unsigned(rounded(amount, currency))
        self.formula(row, column, formula, value, minor_unit(currency), num_format=form, **style)

    def formula(self, row: int, column: int, formula: str, value: Decimal, decimals: int, **style: Any) -> None:
        """Write a formula, rounded to this number of decimals, together with its value."""
        self.page.write_formula(row, column, f"=ROUND({formula},{decimals})", self._styles(**style), value)

    def exact(self, row: int, column: int, amount: Decimal | None, **style: Any) -> None:
        """Write the exact amount as text."""
        text = NOT_KNOWN if amount is None else exact_text(amount)
        self.text(row, column, text, align="right", font_color=SOFT, **style)


def cell(row: int, column: int, sheet: str | None = None) -> str:
    """Return the reference of a cell, such as `'Lines'!B3`."""
    place = xl_rowcol_to_cell(row, column)
    return f"'{sheet}'!{place}" if sheet else str(place)


def cells(first: int, last: int, column: int, sheet: str | None = None) -> str:
    """Return the reference of a range of rows in one column."""
    place = xl_range(first, column, last, column)
    return f"'{sheet}'!{place}" if sheet else str(place)


def number_format(currency: str | None, *, coded: bool = False) -> str:
    """Return the number format of amounts in a currency; with its code if `coded`. Negative amounts are red."""
    unit = minor_unit(currency)
    digits = "#,##0" + ("." + "0" * unit if unit else "")
    # Number formats have a syntax of their own, so only letters are allowed in.
    code = f"[${currency}] " if coded and currency and currency.isascii() and currency.isalpha() else ""
    return f"{code}{digits};[Red]-{code}{digits}"


def exact_text(amount: Decimal) -> str:
    """Return an amount with all its digits: at least 8 decimals, and no trailing zeros after those."""
    whole, _, decimals = f"{_unsigned(amount):f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(_EXACT_DECIMALS, '0')}"


def _unsigned(amount: Decimal) -> Decimal:
    """Remove the sign of a zero, such as -0.001 rounded to cents."""
    return amount or amount.copy_abs()


def without_markup(text: str) -> str:
    """Return a text that XlsxWriter does not take for its own markup, which it would write unescaped."""
    return f" {text}" if text.startswith("<r>") and text.endswith("</r>") else text
