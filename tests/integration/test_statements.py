"""Statements as a person makes and opens them: by the command, and in LibreOffice, which computes formulas again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from xlsxwriter import Workbook

from pipelines import paths
from pipelines.periods import BillMonth
from pipelines.publish import build_and_publish
from pipelines.publish.closing import close_month
from tests.integration.libreoffice import libreoffice
from tests.lake import Pull, line, put, put_month

if TYPE_CHECKING:
    from tests.integration.libreoffice import LibreOffice

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TERMS = """\
account,customer_uin,display_name,markup,tax,invoice_currency,rate
sandbox,1,"=HYPERLINK(""http://evil.example"")",5%,19%,EUR,0.923456789
sandbox,2,+Dinar & Sons,,,KWD,0.3071
sandbox,3,@Yen,7.5%,10%,JPY,151.237
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home whose bills are made of amounts that binary numbers cannot hold, refunds and halves of cents."""
    home = tmp_path_factory.mktemp("home")
    bills = {
        uin: [
            line(
                f"{uin}-{number}",
                str(Decimal(f"0.{number:08}") * (-1 if number % 7 == 0 else 1) + Decimal("0.005")),
                BusinessCode=f"p_{number % 5}",
                ProductName=f"=Product {number % 5}",
                Region=f"Region {number % 3}",
                InstanceName=f"-{number}+cmd|' /C calc'!A0",
            )
            for number in range(1, 240)
        ]
        for uin in ("1", "2", "3")
    }
    bills["4"] = [
        line("d", "4321.98765432"),
        line("e", "0.00499999", BillingMode="Monthly"),
        line("f", "-1", OriginalCost=None, ProductName="Not told"),
    ]
    put_month(home, "2026-10", bills)
    put_month(home, "2026-11", {"4": [line("d", "1")]}, month_state="open")
    build_and_publish(home, now=NOW, code_version="test")
    (home / "customers.csv").write_text(TERMS)
    return home


def run(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m pipelines statements` with nothing of this machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BILL_ETL", "TENCENT"))}
    environment = kept | {"BILL_ETL_HOME": str(home), "BILL_ETL_CUSTOMERS": str(home / "customers.csv")} | variables
    command = [sys.executable, "-m", "pipelines", "statements", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def section(home: Path) -> list[Path]:
    """Give the workbooks of October."""
    done = run(home, "2026-10")
    assert (done.returncode, done.stderr.count("Error")) == (0, 0)
    folder = paths.statements_folder(home) / "2026-10" / "sandbox"
    assert done.stdout == f"4 statements of 2026-10 from release {release_id(home)}: {folder}\n"
    return sorted(folder.iterdir())


@pytest.fixture
def office(tmp_path: Path) -> LibreOffice:
    """Give LibreOffice."""
    return libreoffice(tmp_path)


def release_id(home: Path) -> str:
    """Return the id of the current release."""
    return paths.current_release(home).resolve().stem


def cells(path: Path, *, values: bool) -> dict[tuple[str, str], object]:
    """Return every cell that is not empty: its value or, if it has one, its formula."""
    book = openpyxl.load_workbook(path, data_only=values)
    return {
        (sheet.title, cell.coordinate): cell.value
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.value not in (None, "")
    }


def test_libreoffice_computes_every_formula_again(office: LibreOffice, tmp_path: Path) -> None:
    """Else the tests below would compare what was written with itself."""
    with Workbook(str(tmp_path / "wrong.xlsx")) as book:
        book.add_worksheet("Sheet").write_formula("A1", "=1+1", None, 3)
    assert cells(tmp_path / "wrong.xlsx", values=True) == {("Sheet", "A1"): 3}
    assert cells(office.convert(tmp_path / "wrong.xlsx", "xlsx"), values=True) == {("Sheet", "A1"): 2}


def test_what_libreoffice_computes_is_what_is_written(section: list[Path], office: LibreOffice) -> None:
    """Each formula comes to its cached value, and every other cell is as it was: no name became a formula."""
    for path in section:
        formulas = {place for place, value in cells(path, values=False).items() if str(value).startswith("=ROUND(")}
        written, computed = cells(path, values=True), cells(office.convert(path, "xlsx"), values=True)
        assert len(formulas) > 15
        assert {place: computed[place] for place in formulas} == {place: written[place] for place in formulas}
        assert computed == written
        assert {
            place
            for place, value in cells(path, values=False).items()
            if str(value).startswith("=") and place not in formulas
        } <= {place for place, value in written.items() if str(value).startswith(("=HYPERLINK", "=Product"))}


def test_totals_are_the_exact_ones_rounded(home: Path, section: list[Path], office: LibreOffice) -> None:
    """As LibreOffice shows them: the sum of the lines, and what is due of it by the terms, half up."""
    lines = [Decimal(f"0.{n:08}") * (-1 if n % 7 == 0 else 1) + Decimal("0.005") for n in range(1, 240)]
    billed = sum(lines, Decimal())
    factors = {
        "1": ("1.05", "0.923456789", "1.19", 2),
        "2": ("1", "0.3071", "1", 3),
        "3": ("1.075", "151.237", "1.1", 0),
    }
    for uin, (markup, rate, tax, unit) in factors.items():
        path = next(path for path in section if path.stem.endswith(f"-{uin}"))
        computed = cells(office.convert(path, "xlsx"), values=True)
        due = billed * Decimal(markup) * Decimal(rate) * Decimal(tax)
        expected = due.quantize(Decimal(1).scaleb(-unit), ROUND_HALF_UP)
        assert Decimal(str(computed["Summary", "G2"])) == expected
        (total,) = [value for (sheet, cell), value in computed.items() if (sheet, cell) == ("Lines", "N1")]
        assert Decimal(str(total)) == billed
        assert computed["Lines", "O1"] == str(billed)


def test_a_statement_prints_as_it_should(section: list[Path], office: LibreOffice) -> None:
    """The summary fits one A4 page, lying; nothing is shown as ####."""
    text = shutil.which("pdftotext")
    for path in section:
        printed = office.convert(path, "pdf")
        assert re.search(rb"/MediaBox ?\[ ?0 0 84[12]", printed.read_bytes())
        if text:
            page = subprocess.run(
                [text, "-l", "1", str(printed), "-"], capture_output=True, text=True, check=True
            ).stdout
            assert "Total due" in page
            assert "By pay mode" in page
            assert "###" not in page


def test_only_some_are_written_and_what_is_preliminary_is_named(home: Path) -> None:
    """Of an open month; the exit code is 0, since the bill is whole as far as it goes."""
    done = run(home, "2026-11", "--account", "sandbox", "--customer", "4")
    assert (done.returncode, done.stdout.split(" ")[0]) == (0, "1")
    assert "1 of them are preliminary" in done.stderr


def test_a_month_in_which_nobody_was_billed_is_told_and_no_mistake(home: Path, tmp_path: Path) -> None:
    """All of it landed and agrees, so there is nothing to run again; the exit code is 0."""
    other = Path(shutil.copytree(home, tmp_path / "home", symlinks=True))
    put_month(other, "2026-11", {"4": []}, month_state="open")
    build_and_publish(other, now=NOW, code_version="test")
    done = run(other, "2026-11")
    told = f"No customer was billed in 2026-11 according to release {release_id(other)}: there are no statements.\n"
    assert (done.returncode, done.stdout, done.stderr.strip()) == (0, told, "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["2026-13"], "'2026-13' is not a bill month: write it as YYYY-MM, for example 2026-10."),
        (["2026-09"], "No customer has a bill in 2026-09 in this release: run make month MONTH=2026-09."),
        (["2026-10", "--customer", "9"], "There is no bill of customer 9 in 2026-10."),
    ],
)
def test_a_mistake_in_the_question_is_one_line_and_exit_code_2(home: Path, words: list[str], told: str) -> None:
    """Nothing of a traceback, and nothing written."""
    done = run(home, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_in_the_terms_is_told_by_line_and_column(home: Path, tmp_path: Path) -> None:
    """All of them, with exit code 2; the statements that were there stay."""
    file = tmp_path / "terms.csv"
    file.write_text(f"{TERMS}sandbox,1,,5,,,\nsandbox,2,,,,,\n")
    before = {path: path.stat().st_mtime_ns for path in paths.statements_folder(home).rglob("*.xlsx")}
    done = run(home, "2026-10", BILL_ETL_CUSTOMERS=str(file))
    assert done.returncode == 2
    assert "line 5, column markup is '5': write a percentage with its sign, such as 5%" in done.stderr
    assert (
        "line 6, column valid_from is '2022-06': line 3 is for customer 2 of sandbox from that month too" in done.stderr
    )
    assert {path: path.stat().st_mtime_ns for path in paths.statements_folder(home).rglob("*.xlsx")} == before


def test_whose_bill_did_not_land_is_told_with_exit_code_3(home: Path, tmp_path: Path) -> None:
    """All that is there is written."""
    other = Path(shutil.copytree(home, tmp_path / "home", symlinks=True))
    failed = Pull([], proof="failed", proven_at=None, reason="The API said no.")
    put(other, "customer_bill_detail", "2026-11", {"4": Pull([line("a", "1")]), "5": failed})
    build_and_publish(other, now=NOW, code_version="test")
    done = run(other, "2026-11")
    assert (done.returncode, done.stdout.split(" ")[0]) == (3, "1")
    assert re.search("Customer 5 of account sandbox has no statement.*The API said no", done.stderr)
    assert "account sandbox is partial: rpt_coverage" in done.stderr


def test_a_bill_that_is_not_whole_is_exit_code_3(home: Path, tmp_path: Path) -> None:
    """The statement is written, says so in the command's words, and a script is told, after the close too."""
    other = Path(shutil.copytree(home, tmp_path / "home", symlinks=True))
    put(other, "bill_summary_by_region", "2026-10", {"4": Pull([{"TotalCost": "1"}])})
    build_and_publish(other, now=NOW, code_version="test")
    done = run(other, "2026-10", "--customer", "4")
    assert done.returncode == 3
    assert "1 of them are preliminary" in done.stderr
    close_month(other, BillMonth("2026-10"), now=NOW, code_version="test", reason="as agreed")
    done = run(other, "2026-10", "--customer", "4")
    assert done.returncode == 3
    assert "1 of them are closed with reservations" in done.stderr
    assert "2026-10 is closed with no terms" in done.stdout
    book = openpyxl.load_workbook(paths.statement_file(other, "2026-10", "sandbox", "4"))
    assert book["Summary"]["I2"].value == "CLOSED WITH RESERVATIONS: its sums do not agree"
