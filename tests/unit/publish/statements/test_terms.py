"""Tests of customers.csv: what it may say, and how each mistake is told."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.errors import SettingError
from pipelines.publish.statements.terms import InvoiceTerms, TermsBook, read_terms

HEADER = "account,customer_uin,customer_number,display_name,cost_centre,markup,tax,invoice_currency,rate,valid_from"


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    """Write customers.csv."""
    file = folder / "customers.csv"
    file.write_bytes(text.encode(encoding))
    return file


def read(folder: Path, *rows: str, header: str = HEADER) -> TermsBook:
    """Read these rows below a header."""
    return read_terms(written(folder, "\n".join([header, *rows]) + "\n"))


def test_a_row_gives_exact_terms(tmp_path: Path) -> None:
    """Percentages become ratios, and nothing passes through a float."""
    book = read(tmp_path, 'north,200000000001,C-7,"Harbour, Ltd.",CC 1,7.1%,19 %,EUR,0.923456789012,2026-10')
    (terms,) = book.rows
    assert (terms.line, terms.customer_number, terms.display_name, terms.cost_centre) == (
        2,
        "C-7",
        "Harbour, Ltd.",
        "CC 1",
    )
    assert (terms.markup, terms.tax, terms.rate) == (Decimal("0.071"), Decimal("0.19"), Decimal("0.923456789012"))
    assert (terms.invoice_currency, terms.valid_from) == ("EUR", "2026-10")


def test_columns_and_cells_may_be_left_out(tmp_path: Path) -> None:
    """Only who is needed; then there is no markup, no tax, and the bill's currency."""
    (terms,) = read(tmp_path, "200000000001 , north", header="customer_uin,account").rows
    assert (terms.account, terms.customer_uin) == ("north", "200000000001")
    assert (terms.markup, terms.tax, terms.invoice_currency, terms.rate) == (0, 0, None, None)
    assert read(tmp_path, "north,200000000001,,,,,,,,").rows[0] == terms


def test_a_byte_order_mark_empty_lines_and_line_ends_of_spreadsheets_are_no_obstacle(tmp_path: Path) -> None:
    """Spreadsheets begin a CSV file with a mark, end lines with two characters and leave empty rows."""
    text = f"{HEADER}\r\n\r\nnorth,1,,深圳市,,,,,,\r\n,,,,,,,,,\r\n"
    for encoding in ("utf-8", "utf-8-sig"):
        (terms,) = read_terms(written(tmp_path, text, encoding)).rows
        assert (terms.line, terms.display_name) == (3, "深圳市")


def test_terms_hold_from_their_month_until_the_next_begin(tmp_path: Path) -> None:
    """Of several rows of a customer the last that has begun counts, wherever it stands in the file."""
    book = read(
        tmp_path, "north,1,,,,10%,,,,2026-11", "north,1,,,,5%,,,,", "north,2,,,,1%,,,,", "north,1,,,,,,,,2027-02"
    )
    held = {month: book.of("north", "1", month).markup for month in ("2024-01", "2026-10", "2026-11", "2027-02")}
    assert held == {"2024-01": Decimal("0.05"), "2026-10": Decimal("0.05"), "2026-11": Decimal("0.1"), "2027-02": 0}
    assert (book.of("north", "3", "2026-10").markup, book.of("south", "1", "2026-10").line) == (0, 0)


def test_a_mistake_is_told_by_line_and_column_with_what_to_write(tmp_path: Path) -> None:
    """A wrong cell names itself and shows a right one."""
    mistakes = {
        "north,1,,,,5,,,,": ("markup", "'5'", "5%"),
        "north,1,,,,0.05,,,,": ("markup", "'0.05'", "5%"),
        "north,1,,,,%,,,,": ("markup", "'%'", "5%"),
        "north,1,,,,-100%,,,,": ("markup", "'-100%'", "-100%"),
        'north,1,,,,"5,5%",,,,': ("markup", "'5,5%'", "5%"),
        "north,1,,,,,101%,,,": ("tax", "'101%'", "100%"),
        "north,1,,,,,-1%,,,": ("tax", "'-1%'", "0%"),
        "north,1,,,,,nan%,,,": ("tax", "'nan%'", "9%"),
        "north,1,,,,,,euro,0.9,": ("invoice_currency", "'euro'", "EUR"),
        "north,1,,,,,,EUR,0,": ("rate", "'0'", "0.92"),
        "north,1,,,,,,EUR,9.2E-1,": ("rate", "'9.2E-1'", "0.92"),
        "north,1,,,,,,EUR,1e999999,": ("rate", "'1e999999'", "0.92"),
        "north,1,,,,,,,0.9,": ("invoice_currency", "empty", "rate"),
        "north,1,,,,,,,,10/2026": ("valid_from", "'10/2026'", "2026-10"),
        f"north,1,,{'n' * 251},,,,,,": ("display_name", "'nnn", "250"),
        ",1,,,,,,,,": ("account", "empty", "accounts.toml"),
        "north,,,,,,,,,": ("customer_uin", "empty", "UIN"),
    }
    for row, (column, value, wanted) in mistakes.items():
        with pytest.raises(SettingError, match=f"line 3.*column {column} .*{re.escape(value)}.*{wanted}"):
            read(tmp_path, "north,9,,,,,,,,", row)


def test_all_mistakes_are_told_at_once_but_not_endlessly(tmp_path: Path) -> None:
    """Who mends a file needs not run again for each."""
    with pytest.raises(SettingError) as failure:
        read(tmp_path, "north,1,,,,5,9,,,", "north,2,,,,x,,,,", *[f"north,{n},,,,x,,,," for n in range(3, 40)])
    lines = str(failure.value).splitlines()
    assert ["markup" in lines[0], "tax" in lines[1], "line 3" in lines[2]] == [True] * 3
    assert len(lines) == 21
    assert lines[-1] == "... and 20 more."


def test_two_rows_that_begin_together_are_refused(tmp_path: Path) -> None:
    """No month may have two terms; a month that is left out and the first one are the same."""
    with pytest.raises(
        SettingError, match=r"line 3, column valid_from is '2026-10': line 2 is for customer 1 of north"
    ):
        read(tmp_path, "north,1,,,,,,,,2026-10", "north,1,,,,5%,,,,2026-10")
    with pytest.raises(SettingError, match="Remove one, or give it another month"):
        read(tmp_path, "north,1,,,,,,,,", "north,1,,,,5%,,,,2022-06")


def test_a_wrong_header_is_told(tmp_path: Path) -> None:
    """A column that is not known may be one that is misspelled: nothing is guessed."""
    headers = {
        "account,customer_uin,discount": "'discount'",
        "account;customer_uin": "'account;customer_uin'",
        "account,customer_uin,tax,tax": "'tax'",
        "account,tax": "'customer_uin'",
        "": "'account'",
    }
    for header, column in headers.items():
        with pytest.raises(SettingError, match=f"line 1: .*{column}"):
            read(tmp_path, header=header)


def test_rows_with_too_many_or_too_few_cells_are_refused(tmp_path: Path) -> None:
    """A name with a comma that is not quoted would shift what is behind it."""
    with pytest.raises(SettingError, match=r"line 2: it has 11 cells where the first line has 10"):
        read(tmp_path, "north,1,,Harbour, Ltd.,,,,,,")
    with pytest.raises(SettingError, match=r"line 2: it has 2 cells"):
        read(tmp_path, "north,1")


def test_a_file_that_is_no_csv_in_utf_8_is_refused(tmp_path: Path) -> None:
    """Another encoding would print wrong names; a workbook is no text at all."""
    with pytest.raises(SettingError, match="not UTF-8: save it as"):
        read_terms(written(tmp_path, f"{HEADER}\nnorth,1,,Söhne,,,,,,\n", "latin-1"))
    with pytest.raises(SettingError, match="is not a CSV file"):
        read(tmp_path, 'north,1,,"never closed,,,,,,')
    with pytest.raises(SettingError, match="cannot be read"):
        read_terms(tmp_path / "missing.csv")


def test_rows_of_unknown_accounts_and_customers_are_refused(tmp_path: Path) -> None:
    """Terms that would never be applied are a mistake in the file."""
    book = read(tmp_path, "north,1,,,,,,,,", "north,1.0E+10,,,,,,,,", "west,1,,,,,,,,")
    with pytest.raises(SettingError) as failure:
        book.refuse_unknown({"north": {"1", "2"}, "south": {"3"}})
    first, second = str(failure.value).splitlines()
    assert "line 3, column customer_uin is '1.0E+10': account 'north' has no such customer" in first
    assert "line 4, column account is 'west'" in second
    assert "north, south" in second
    book.refuse_unknown({"north": {"1", "1.0E+10"}, "west": {"1"}})


def test_the_file_of_the_readme_is_accepted_and_shows_every_column(tmp_path: Path) -> None:
    """What the page shows can be used."""
    readme = (Path(__file__).parents[4] / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```csv\n(.*?)```", readme, re.DOTALL)
    book = read_terms(written(tmp_path, shown))
    assert set(shown.splitlines()[0].split(",")) == InvoiceTerms.model_fields.keys() - {"line"}
    assert book.of("north", "200000000001", "2026-12").rate == Decimal("0.92")
    assert book.of("north", "200000000001", "2027-01").markup == Decimal("0.06")
    assert book.of("north", "200000000002", "2026-01").tax == Decimal("0.09")
