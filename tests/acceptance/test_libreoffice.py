"""Statements as a customer opens them: in LibreOffice, which computes every formula again."""

from __future__ import annotations

import re
import shutil
import subprocess
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

import pytest
from xlsxwriter import Workbook

from pipelines.periods import BillMonth
from pipelines.publish.statements import make_statements
from tests.acceptance.libreoffice import libreoffice
from tests.integration.test_statements import COSTS, cells, landed
from tests.shared import shared

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.libreoffice import LibreOffice


@pytest.fixture
def office(tmp_path: Path) -> LibreOffice:
    """Give LibreOffice."""
    return libreoffice(tmp_path)


@pytest.fixture(scope="session")
def books(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give the workbooks of a month."""

    def make(home: Path) -> None:
        landed(home)
        make_statements(home, BillMonth("2026-10"), terms_file=home / "customers.csv")

    return sorted(shared(tmp_path_factory, "statements", make).rglob("*.xlsx"))


def test_libreoffice_computes_every_formula_again(office: LibreOffice, tmp_path: Path) -> None:
    """Else the tests below would compare what was written with itself."""
    with Workbook(str(tmp_path / "wrong.xlsx")) as book:
        book.add_worksheet("Sheet").write_formula("A1", "=1+1", None, 3)
    assert cells(tmp_path / "wrong.xlsx", values=True) == {("Sheet", "A1"): 3}
    assert cells(office.convert(tmp_path / "wrong.xlsx", "xlsx"), values=True) == {("Sheet", "A1"): 2}


def test_what_libreoffice_computes_is_what_is_written(books: list[Path], office: LibreOffice) -> None:
    """Each formula comes to its cached value, and every other cell is as it was: no name became a formula.

    Totals are the exact ones rounded: the sum of the lines, and what is due of it by the terms, half up.
    """
    assert len(books) == 4
    computed = {}
    for path in books:
        formulas = {place for place, value in cells(path, values=False).items() if str(value).startswith("=ROUND(")}
        written, found = cells(path, values=True), cells(office.convert(path, "xlsx"), values=True)
        assert len(formulas) > 15
        assert {place: found[place] for place in formulas} == {place: written[place] for place in formulas}
        assert found == written
        assert {
            place
            for place, value in cells(path, values=False).items()
            if str(value).startswith("=") and place not in formulas
        } <= {place for place, value in written.items() if str(value).startswith(("=HYPERLINK", "=Product"))}
        computed[path.stem.rpartition("-")[2]] = found
    billed = sum(COSTS, Decimal())
    factors = {
        "1": ("1.05", "0.923456789", "1.19", 2),
        "2": ("1", "0.3071", "1", 3),
        "3": ("1.075", "151.237", "1.1", 0),
    }
    for uin, (markup, rate, tax, unit) in factors.items():
        due = billed * Decimal(markup) * Decimal(rate) * Decimal(tax)
        expected = due.quantize(Decimal(1).scaleb(-unit), ROUND_HALF_UP)
        assert Decimal(str(computed[uin]["Summary", "G2"])) == expected
        assert Decimal(str(computed[uin]["Lines", "N1"])) == billed
        assert computed[uin]["Lines", "O1"] == str(billed)


def test_a_statement_prints_as_it_should(books: list[Path], office: LibreOffice) -> None:
    """The summary fits one A4 page, lying; nothing is shown as ####."""
    text = shutil.which("pdftotext")
    for path in books:
        printed = office.convert(path, "pdf")
        assert re.search(rb"/MediaBox ?\[ ?0 0 84[12]", printed.read_bytes())
        if text:
            command = [text, "-l", "1", str(printed), "-"]
            page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert "Total due" in page
            assert "By pay mode" in page
            assert "###" not in page
