"""Statements as a person makes them: by the command."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from unittest.mock import patch

import openpyxl
import pytest

from pipelines import paths
from pipelines.periods import BillMonth
from pipelines.publish import build_and_publish, closing
from pipelines.publish.closing import close_month
from tests.integration.commands import run_module
from tests.lake import Pull, line, put, put_month
from tests.shared import copy, shared

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TERMS = """\
account,customer_uin,display_name,markup,tax,invoice_currency,rate
sandbox,1,"=HYPERLINK(""http://evil.example"")",5%,19%,EUR,0.923456789
sandbox,2,+Dinar & Sons,,,KWD,0.3071
sandbox,3,@Yen,7.5%,10%,JPY,151.237
"""
COSTS = [Decimal(f"0.{n:08}") * (-1 if n % 7 == 0 else 1) + Decimal("0.005") for n in range(1, 240)]
"""Amounts that binary numbers cannot hold, refunds and halves of cents: the lines of each customer with terms."""


def landed(home: Path) -> None:
    """Fill a home with such bills and a fourth one, and publish; one of the running month did not land."""
    bills = {
        uin: [
            line(
                f"{uin}-{number}",
                str(cost),
                BusinessCode=f"p_{number % 5}",
                ProductName=f"=Product {number % 5}",
                Region=f"Region {number % 3}",
                InstanceName=f"-{number}+cmd|' /C calc'!A0",
            )
            for number, cost in enumerate(COSTS, start=1)
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
    put_month(home, "2026-10", {"8": []}, account="idle")
    put_month(home, "2026-11", {"7": [line("d", "1")]}, account="part", month_state="open")
    failed = Pull([], proof="failed", proven_at=None, reason="The API said no.")
    put(home, "customer_bill_detail", "2026-11", {"7": Pull([line("a", "1")]), "5": failed}, account="part")
    build_and_publish(home, now=NOW, code_version="test")
    (home / "customers.csv").write_text(TERMS)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """Give such a home."""
    return copy(shared(tmp_path_factory, "to-state", landed), tmp_path / "home")


def run(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m pipelines statements` with nothing of this machine's settings."""
    settings = {"BILL_ETL_HOME": str(home), "BILL_ETL_CUSTOMERS": str(home / "customers.csv")} | variables
    return run_module("pipelines", "statements", *words, **settings)


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


def test_a_month_is_written_and_told(home: Path) -> None:
    """A workbook for each customer with a bill, of which release and where; the exit code is 0."""
    done = run(home, "2026-10", "--account", "sandbox")
    assert (done.returncode, "preliminary" in done.stderr) == (0, False)
    folder = paths.statements_folder(home) / "2026-10" / "sandbox"
    (told,) = done.stdout.splitlines()
    assert told.startswith("4 ")
    assert paths.current_release(home).resolve().stem in told
    assert told.endswith(str(folder))
    assert [path.name for path in sorted(folder.iterdir())] == [f"statement-2026-10-{uin}.xlsx" for uin in "1234"]


def test_only_some_are_written_and_what_is_preliminary_is_named(home: Path) -> None:
    """Of an open month; the exit code is 0, since the bill is whole as far as it goes."""
    done = run(home, "2026-11", "--account", "sandbox", "--customer", "4")
    assert (done.returncode, done.stdout.split(" ")[0]) == (0, "1")
    assert "preliminary" in done.stderr
    assert done.stderr.strip().endswith(": 4.")


def test_a_month_in_which_nobody_was_billed_is_told_and_no_mistake(home: Path) -> None:
    """All of it landed and agrees, so there is nothing to run again; the exit code is 0."""
    done = run(home, "2026-10", "--account", "idle")
    assert (done.returncode, done.stderr.strip(), done.stdout.count("\n")) == (0, "", 1)
    assert "2026-10" in done.stdout
    assert paths.current_release(home).resolve().stem in done.stdout
    assert list(home.rglob("*.xlsx")) == []


def test_a_mistake_is_told_with_exit_code_2(home: Path, tmp_path: Path) -> None:
    """One line for a mistake in the question, line and column for each in the terms; nothing is written."""
    for words, facts in (
        (["2026-13"], ["'2026-13'", "YYYY-MM"]),
        (["2026-09"], ["make month MONTH=2026-09"]),
        (["2026-10", "--customer", "9"], ["customer 9", "2026-10"]),
    ):
        done = run(home, *words)
        assert (done.returncode, done.stdout, done.stderr.strip().count("\n")) == (2, "", 0), words
        assert [fact for fact in facts if fact not in done.stderr] == [], words
    file = tmp_path / "terms.csv"
    file.write_text(f"{TERMS}sandbox,1,,5,,,\nsandbox,2,,,,,\n")
    done = run(home, "2026-10", BILL_ETL_CUSTOMERS=str(file))
    assert (done.returncode, done.stdout) == (2, "")
    told = [line for line in done.stderr.splitlines() if "line " in line]
    for one, facts in zip(
        told[-2:], (["line 5", "markup", "'5'", "5%"], ["line 6", "valid_from", "line 3", "customer 2"]), strict=True
    ):
        assert [fact for fact in facts if fact not in one] == []
    assert list(home.rglob("*.xlsx")) == []


def test_whose_bill_did_not_land_is_told_with_exit_code_3(home: Path) -> None:
    """All that is there is written."""
    done = run(home, "2026-11", "--account", "part")
    assert (done.returncode, done.stdout.split(" ")[0]) == (3, "1")
    (told,) = [line for line in done.stderr.splitlines() if "The API said no." in line]
    assert "ustomer 5 of account part" in told
    assert "rpt_coverage" in done.stderr


def test_a_bill_that_is_not_whole_is_exit_code_3(home: Path) -> None:
    """The statement is written, says so in the command's words, and a script is told, after the close too."""
    put(home, "bill_summary_by_region", "2026-10", {"4": Pull([{"TotalCost": "1"}])})
    build_and_publish(home, now=NOW, code_version="test")
    done = run(home, "2026-10", "--customer", "4")
    assert done.returncode == 3
    assert "preliminary" in done.stderr
    with patch.object(closing, "build_and_publish"):  # statements are of what is frozen
        close_month(home, BillMonth("2026-10"), now=NOW, code_version="test", reason="as agreed")
    done = run(home, "2026-10", "--customer", "4")
    assert done.returncode == 3
    book = openpyxl.load_workbook(paths.statement_file(home, "2026-10", "sandbox", "4"))
    standing = str(book["Summary"]["I2"].value).partition(":")[0]
    assert standing == "CLOSED WITH RESERVATIONS"
    assert standing.lower() in done.stderr
    assert "customers.csv" in done.stdout
