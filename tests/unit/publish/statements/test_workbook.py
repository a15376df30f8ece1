"""Tests of the workbook, opened by another library than the one that writes it."""

from __future__ import annotations

import io
import re
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import openpyxl
import pytest
from openpyxl.utils.escape import unescape

from pipelines.publish.statements import lines_sheet
from pipelines.publish.statements.cells import FONT, exact_text, number_format
from pipelines.publish.statements.lines_sheet import COLUMNS
from pipelines.publish.statements.workbook import write_workbook
from tests.unit.publish.statements.examples import SEAL, cost, one_currency, statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpyxl.cell import Cell
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from pipelines.publish.statements.figures import Statement

A4 = "9"


def line(**values: Any) -> tuple[Any, ...]:
    """Return a line with these values, by the title of their column."""
    cells: dict[str, Any] = {"Currency": "USD", "Billed": Decimal("0.00000001"), "Billed, exact": Decimal("0.00000001")}
    cells |= values
    return tuple(cells.get(column.title) for column in COLUMNS)


def written(folder: Path, made: Statement, lines: Sequence[tuple[Any, ...]] = (), *, values: bool = False) -> Workbook:
    """Write a workbook and open it, with its formulas or with their cached values."""
    write_workbook(folder / "book.xlsx", made, lines)
    book: Workbook = openpyxl.load_workbook(io.BytesIO((folder / "book.xlsx").read_bytes()), data_only=values)
    return book


def row_of(sheet: Worksheet, label: str, number: int = 1) -> tuple[Cell, ...]:
    """Return the cells of the row with this label, of several the one of this number."""
    found = [row for row in sheet.iter_rows() if row[0].value == label]
    return found[number - 1]


def shown(row: Sequence[Cell]) -> list[object]:
    """Return what stands in a row, without what is empty."""
    return [cell.value for cell in row if cell.value not in (None, "")]


def test_amounts_are_rounded_and_their_exact_text_stands_beside(tmp_path: Path) -> None:
    """A cell holds cents, half up; the text holds what the service billed."""
    made = statement(one_currency([cost("1.005", "a"), cost("-2.00500001", "b", discount="-0.005")]))
    sheet = written(tmp_path, made)["Summary"]
    assert shown(row_of(sheet, "a")) == [
        *("a", 1.01, 0, 0, 1.01, "=ROUND(E18-(B18-C18-D18),2)", 1.01),
        *("1.00500000", "0.00000000", "0.00000000", "1.00500000", "1.00500000"),
    ]
    assert shown(row_of(sheet, "b"))[1:3] == [-2.01, -0.01]
    assert shown(row_of(sheet, "b"))[8] == "-0.00500000"


def test_totals_are_formulas_that_carry_what_they_come_to(tmp_path: Path) -> None:
    """What rounding leaves stands above the total; a program that computes nothing reads the same total."""
    made = statement(one_currency([cost("0.004", "a"), cost("0.004", "b"), cost("0.004", "c")]))
    sheet, values = (written(tmp_path, made, values=values)["Summary"] for values in (False, True))
    assert [row_of(values, label)[4].value for label in ("a", "b", "c")] == [0, 0, 0]
    assert row_of(values, "Rounding", 3)[4].value == 0.01
    assert (row_of(sheet, "Total")[4].value, row_of(values, "Total")[4].value) == ("=ROUND(SUM(E18:E21),2)", 0.01)
    assert row_of(values, "Total")[11].value == "0.01200000"


def test_what_is_billed_and_what_is_invoiced_stand_side_by_side(tmp_path: Path) -> None:
    """From what the service billed over markup and rate to tax and what is due, each with its exact text."""
    terms = {"markup": "5%", "tax": "19%", "invoice_currency": "EUR", "rate": "0.92", "customer_number": "C-7"}
    made = statement(one_currency([cost("100.111")], **terms), **terms, cost_centre="CC 1")
    sheet = written(tmp_path, made, values=True)["Summary"]
    assert shown(row_of(sheet, "Billed by the cloud service")) == [
        "Billed by the cloud service",
        100.11,
        "100.11100000",
    ]
    assert shown(row_of(sheet, "Markup 5%")) == ["Markup 5%", 5.01, "5.00555000"]
    assert shown(row_of(sheet, "Rounding")) == ["Rounding", 0]
    net = row_of(sheet, "Net, at 1 USD = 0.92 EUR")
    assert shown(net)[1:] == [105.12, 96.71, "105.11655000", "96.70722600"]
    assert shown(row_of(sheet, "Tax 19%"))[1:] == [18.37, "18.37437294"]
    assert shown(row_of(sheet, "Rounding", 2)) == ["Rounding", 0]
    assert shown(row_of(sheet, "Total due"))[1:] == [115.08, "115.08159894"]
    assert sheet["G2"].value == 115.08
    assert shown(row_of(sheet, "Customer number"))[1] == "C-7"
    assert shown(row_of(sheet, "Cost centre"))[1] == "CC 1"
    assert shown(row_of(sheet, "Terms"))[1] == "Markup 5%, tax 19%, 1 USD = 0.92 EUR"


FAULTS: list[dict[str, Any]] = [{"month_state": "provisional"}, {"is_complete": False}, {"is_reconciled": False}]


def told(folder: Path, made: Statement) -> tuple[str, list[str]]:
    """Return what a statement that is not final says at its top, in red: what it is, and each fault of its bill."""
    cell = written(folder, made)["Summary"]["I2"]
    assert cell.font.color.rgb == "FFB42318"
    standing, _, faults = str(cell.value).partition(": ")
    return standing, faults.split(", ")


def test_every_statement_says_as_of_when_how_final_and_of_which_release(tmp_path: Path) -> None:
    """The stamp's sentence is on the sheet and in the file's properties."""
    book = written(tmp_path, statement())
    sentence = SEAL.sentence
    for fact in ("2026-10", "issued", "2026-11-20 12:00 (UTC+8)", "20261120T040000Z-abcdef01"):
        assert fact in sentence
    assert shown(row_of(book["Summary"], "State")) == ["State", sentence]
    assert "1 to 31 October 2026" in shown(row_of(book["Summary"], "Month"))[1]
    assert book["Summary"]["I2"].value is None
    assert book.properties.description == sentence
    assert book.properties.title == "Statement 2026-10: Harbour"


def test_a_statement_that_is_not_final_says_so_in_red(tmp_path: Path) -> None:
    """A bill that is not out, not whole or does not add up is preliminary, with each fault that this one has.

    Once its month is closed it is no longer preliminary, but must not look final.
    """
    standing, faults = told(tmp_path, statement(stamp={key: value for fault in FAULTS for key, value in fault.items()}))
    assert (standing, len(set(faults))) == ("PRELIMINARY", 3)
    for number, fault in enumerate(FAULTS):
        assert told(tmp_path, statement(stamp=fault)) == ("PRELIMINARY", [faults[number]])
        closed = statement(stamp={"closed_release_id": "r-1"} | fault)
        assert told(tmp_path, closed) == ("CLOSED WITH RESERVATIONS", [faults[number]])


def test_the_statement_of_a_closed_month_names_the_release_it_was_closed_with(tmp_path: Path) -> None:
    """What was wrong with another customer's bill when the month was closed is not said of one that is final."""
    sheet = written(tmp_path, statement(stamp={"closed_release_id": "r-1"}))["Summary"]
    assert shown(row_of(sheet, "Closed"))[1].startswith("with release r-1")
    assert sheet["I2"].value is None


NAMES = [
    '=HYPERLINK("http://evil.example","pay")',
    *("+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", "{=1+1}"),
    *("http://evil.example", "mailto:a@evil.example", "internal:Lines!A1"),
    *("007", "1E5", "_x0041_"),
    '<r><t>a</t></r></is></c><c r="Z1"><f>1+1</f><v>2</v></c><c t="inlineStr"><is><r></r>',
    *("</c><c><f>1+1</f>", "a & b \x07 'c'", "深圳市云上科技 🚀"),
]
"""What a program that opens a workbook could take for something else than a name."""


def test_no_name_becomes_anything_but_text(tmp_path: Path) -> None:
    """Neither formula, link, number nor markup, wherever a name can stand; and it stays text when a cell is edited."""
    columns = [column.title for column in COLUMNS if column.kind == "text"]
    for name in NAMES:
        made = statement(
            one_currency([cost("1", name, name, name)]),
            display_name=name,
            customer_number=name,
            cost_centre=name,
            lines=1,
        )
        book = written(tmp_path, made, [line(**(dict.fromkeys(columns, name) | {"Currency": "USD"}))])
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        named = [cell for cell in cells if unescape(str(cell.value or "")).strip() == name.strip()]
        assert len(named) >= 5 + 10, name
        assert {cell.data_type for cell in named} <= {"s", "inlineStr"}, name
        assert {cell.number_format for cell in named} == {"@"}, name
        assert all(str(cell.value).startswith("=ROUND(") for cell in cells if cell.data_type == "f"), name
        assert all(cell.hyperlink is None for cell in cells), name


def test_a_text_that_is_too_long_for_a_cell_is_cut_and_not_lost(tmp_path: Path) -> None:
    """A cell holds 32,767 characters."""
    book = written(tmp_path, statement(lines=1), [line(**{"Resource name": "=" * 40_000})])
    column = [c.title for c in COLUMNS].index("Resource name")
    assert book["Lines"].cell(3, column + 1).value == "=" * 32_767


def test_each_currency_has_books_and_decimals_of_its_own(tmp_path: Path) -> None:
    """Two currencies are never added; yen have no decimals, dinars three."""
    made = statement(one_currency([cost("1234.5")], "JPY"), one_currency([cost("0.0005")], "KWD"), lines=2)
    lines = [line(Currency="JPY", Billed=Decimal("1234.5")), line(Currency="KWD", Billed=Decimal("0.0005"))]
    book = written(tmp_path, made, lines, values=True)
    sheet = book["Summary"]
    assert (sheet["G2"].value, sheet["G2"].number_format) == (1235, "[$JPY] #,##0;[Red]-[$JPY] #,##0")
    assert (sheet["G3"].value, sheet["G3"].number_format) == (0.001, "[$KWD] #,##0.000;[Red]-[$KWD] #,##0.000")
    assert [row_of(sheet, "Total due", number)[6].value for number in (1, 2)] == [1235, 0.001]
    billed = [c.title for c in COLUMNS].index("Billed") + 1
    assert [book["Lines"].cell(row, billed).value for row in (1, 2)] == [1234.5, 0.0005]


def test_only_letters_get_into_a_format() -> None:
    """A number's format is a language of its own: a currency's code may not speak it."""
    assert number_format("USD", coded=True) == "[$USD] #,##0.00;[Red]-[$USD] #,##0.00"
    assert number_format('U]"', coded=True) == number_format(None, coded=True) == "#,##0.00;[Red]-#,##0.00"


def test_an_exact_text_has_every_digit_and_at_least_eight_decimals() -> None:
    """No exponent, no rounding, no zeros beyond the eighth decimal."""
    found = {text: exact_text(Decimal(text)) for text in ("1", "-0E-8", "1E+3", "0.1234567891", "1.000000000000")}
    assert found == {
        "1": "1.00000000",
        "-0E-8": "0.00000000",
        "1E+3": "1000.00000000",
        "0.1234567891": "0.1234567891",
        "1.000000000000": "1.00000000",
    }


def test_what_is_not_told_is_empty_and_says_so(tmp_path: Path) -> None:
    """An amount that the service did not tell is not 0, nor is what rounding leaves of it."""
    made = statement(one_currency([cost("1", "a", discount=None, voucher=None)]))
    sheet = written(tmp_path, made, values=True)["Summary"]
    for label in ("a", "Total"):
        assert [cell.value for cell in row_of(sheet, label)[2:4]] == [None, None]
        assert [cell.value for cell in row_of(sheet, label)[9:11]] == ["not known", "not known"]
    assert [cell.value for cell in row_of(sheet, "Rounding", 3)[2:6]] == [None, None, 0, None]


def test_one_discount_that_is_not_told_leaves_the_total_empty(tmp_path: Path) -> None:
    """A sum of the others would look like one of all; parts that are told stand there, and what is billed adds up."""
    made = statement(one_currency([cost("3", "a", list_cost="4", discount="1"), cost("2", "b", discount=None)]))
    sheet = written(tmp_path, made)["Summary"]
    assert [cell.value for cell in row_of(sheet, "a")[1:4]] == [4, 1, 0]
    assert [cell.value for cell in row_of(sheet, "b")[1:6]] == [2, None, 0, 2, None]
    total = row_of(sheet, "Total")
    assert (total[2].value, total[5].value, total[9].value) == (None, None, "not known")
    assert (total[1].value, total[4].value) == ("=ROUND(SUM(B18:B20),2)", "=ROUND(SUM(E18:E20),2)")


def test_nothing_has_no_sign(tmp_path: Path) -> None:
    """A bill of 0 with less than nothing on top, and what rounds to 0, are no negative amounts."""
    made = statement(one_currency([cost("0.004", "a"), cost("-0.004", "b")], markup="-5%"), markup="-5%")
    write_workbook(tmp_path / "book.xlsx", made, [])
    with ZipFile(tmp_path / "book.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert not re.search(r"<v>-0(\.0*)?</v>", sheet)
    assert "-0.00000000" not in sheet


def test_a_product_may_be_called_as_a_row_of_ours(tmp_path: Path) -> None:
    """It has its exact texts as any other."""
    sheet = written(tmp_path, statement(one_currency([cost("1.5", "Rounding")])))["Summary"]
    assert row_of(sheet, "Rounding", 3)[11].value == "1.50000000"


def test_a_line_is_readable_and_exact(tmp_path: Path) -> None:
    """Days are days, amounts have the service's 8 decimals, and the exact text stands beside what is billed."""
    values = {
        "Usage from": datetime(2026, 10, 9, 19, 30),  # noqa: DTZ001  as the release tells it, in UTC+8
        "Product": "Servers",
        "Quantity": Decimal("272.922800000000000000"),
        "Original": Decimal("0.00005459"),
        "Billed": Decimal("-0.00005459"),
        "Billed, exact": Decimal("-0.00005459"),
        "Line": "202610592402300000007",
    }
    sheet = written(tmp_path, statement(lines=1), [line(**values)])["Lines"]
    titles = [cell.value for cell in sheet[2]]
    row = dict(zip(titles, sheet[3], strict=True))
    assert row["Usage from"].value == values["Usage from"]
    assert row["Usage from"].number_format == "yyyy-mm-dd hh:mm"
    assert (row["Quantity"].value, row["Original"].value, row["Billed"].value) == (272.9228, 0.00005459, -0.00005459)
    assert (row["Billed, exact"].value, row["Line"].value) == ("-0.00005459", "202610592402300000007")
    assert titles == [column.title for column in COLUMNS]


def test_a_time_that_spreadsheets_do_not_know_is_text(tmp_path: Path) -> None:
    """A time of no meaning, such as the year 1, is shown and breaks nothing."""
    times = {"Usage from": datetime(1, 1, 1)}  # noqa: DTZ001  as the release tells it, in UTC+8
    sheet = written(tmp_path, statement(lines=1), [line(**times)])["Lines"]
    assert sheet["A3"].value.endswith("1-01-01 00:00")


def test_lines_beyond_a_sheet_continue_on_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sheet has its header, filter and page; the total above the first is of all."""
    monkeypatch.setattr(lines_sheet, "ROWS_PER_SHEET", 5)
    lines = [line(Line=str(number), Billed=Decimal(number)) for number in range(1, 8)]
    made = statement(one_currency([cost("28")]), lines=7)
    book = written(tmp_path, made, lines)
    assert book.sheetnames == ["Summary", "Lines", "Lines 2", "Lines 3"]
    last = len(COLUMNS)
    found = [[book[name].cell(row, last).value for row in range(3, 6)] for name in book.sheetnames[1:]]
    assert found == [["1", "2", "3"], ["4", "5", "6"], ["7", None, None]]
    assert book["Lines 3"].auto_filter.ref == "A2:V3"
    (total,) = [cell.value for cell in book["Lines"][1] if str(cell.value).startswith("=")]
    assert total == (
        "=ROUND(SUMIF('Lines'!P3:P5,'Lines'!P1,'Lines'!N3:N5)+SUMIF('Lines 2'!P3:P5,'Lines'!P1,'Lines 2'!N3:N5)"
        "+SUMIF('Lines 3'!P3,'Lines'!P1,'Lines 3'!N3),8)"
    )
    assert [cell.value for cell in written(tmp_path, made, lines, values=True)["Lines"][1]].count(28) == 1


def test_sheets_are_set_up_for_paper_and_screen(tmp_path: Path) -> None:
    """A4 landscape, as wide as the page, headers on each page, frozen on the screen, filters, room for numbers."""
    made = statement(one_currency([cost("123456789.5", "a"), cost("-123456789", "b")]), lines=1)
    book = written(tmp_path, made, [line()])
    for sheet in book:
        assert (str(sheet.page_setup.paperSize), sheet.page_setup.orientation) == (A4, "landscape")
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
        assert sheet.oddFooter.right.text == "Page &P of &N"
        assert sheet.print_area
    lines = book["Lines"]
    assert (lines.print_title_rows, lines.freeze_panes, lines.auto_filter.ref) == ("$2:$2", "A3", "A2:V3")
    assert book["Summary"].print_title_rows == "$1:$2"
    assert book["Summary"].column_dimensions["B"].width > len("USD 123,456,789.50")
    assert book["Summary"].column_dimensions["G"].width > len("USD 123,456,789.50") * 12 / 9
    assert book.active.title == "Summary"


def test_the_same_statement_gives_the_same_bytes(tmp_path: Path) -> None:
    """Nothing of the day or the machine is in the file."""
    write_workbook(tmp_path / "one.xlsx", statement(lines=1), [line()])
    write_workbook(tmp_path / "two.xlsx", statement(lines=1), [line()])
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.xlsx", "two.xlsx"]


def test_a_workbook_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    """The first of a process is the same as the others, whatever the library makes of the fonts it is given."""
    write_workbook(tmp_path / "book.xlsx", statement(), [])
    assert FONT.keys() == {"font_name", "font_size", "font_color"}


def test_a_disk_that_refuses_is_an_os_error(tmp_path: Path) -> None:
    """What XlsxWriter makes of it is undone."""
    with pytest.raises(FileNotFoundError):
        write_workbook(tmp_path / "missing" / "book.xlsx", statement(), [])
