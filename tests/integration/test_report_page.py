"""From a landed lake to the page of a month: what it sums up, where it is written, and how the command ends."""

from __future__ import annotations

import errno
import os
import re
import stat
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from unittest.mock import patch

import duckdb
import pytest

from pipelines import paths
from pipelines.errors import SettingError, StorageFailed
from pipelines.publish import build_and_publish, disk
from pipelines.publish.report import write_reports
from tests.integration.commands import run_module
from tests.lake import Pull, line, put, put_month
from tests.shared import copy, shared

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)


def land(home: Path) -> None:
    """Land two months of four accounts.

    `sandbox` has two currencies and a product whose name is not to be trusted, `none` no currency, `part` a customer
    whose bill did not land, and `shop` its own bill.
    """
    put_month(home, "2026-09", {"1": [line("a", "1.5")], "2": [line("b", "2")]})
    put_month(
        home,
        "2026-10",
        {
            "1": [line("a", "1234567.00000001"), line("b", "0.5", ProductName="<script>alert(1)</script>")],
            "2": [line("c", "80", Currency="EUR")],
        },
    )
    put(home, "customers", "2026-11-20", {None: Pull([{"CustomerUin": "1"}, {"CustomerUin": "2"}])})
    for month, cost in (("2026-09", "1"), ("2026-10", "2001")):
        bills = {"3": [line("a", cost, Currency=None)], "4": [line("b", "3")]}
        put_month(home, month, bills, account="none")
    put_month(home, "2026-10", {"5": [line("a", "1")]}, account="part")
    pulls = {"5": Pull([line("a", "1")]), "6": Pull(proof="failed", reason="It timed out.", proven_at=None)}
    put(home, "customer_bill_detail", "2026-10", pulls, account="part")
    own = [{"Id": "a", "OriginalCost": "2", "TotalCost": "2", "Currency": "USD", "BusinessCode": "p_cvm"}]
    put(home, "own_bill_detail", "2026-10", {None: Pull(own)}, account="shop")


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """Give a released home of them."""

    def make(folder: Path) -> None:
        land(folder)
        assert build_and_publish(folder, now=NOW, code_version="test")

    return copy(shared(tmp_path_factory, "to-report", make), tmp_path / "home")


def written(home: Path, account: str = "sandbox") -> Path:
    """Write the page of an account's month."""
    (report,) = write_reports(home, "2026-10", [account])
    return report.path


def text_of(path: Path) -> str:
    """Return what can be read in a page, without markup."""
    body = re.sub(r"(?s)<(script|style).*?</\1>", "", path.read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body))


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command, as a person does."""
    return run_module("pipelines", "report", *words, BILL_ETL_HOME=str(home))


def test_the_sums_shown_are_those_of_the_release(home: Path) -> None:
    """Each currency's total, and each product's, customer's and region's part, is the release's to the last decimal.

    A product called like a script is read as that name, and is none.
    """
    path = written(home)
    shown = text_of(path)
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as connection:
        for part in ("'all'", "product_name", "customer_uin", "region_name"):
            costs = "from fct_monthly_costs where bill_month = '2026-10' and account = 'sandbox'"
            query = f"select sum(billed_cost) {costs} group by billing_currency, {part}"
            sums = [cost for (cost,) in connection.execute(query).fetchall()]
            assert len(sums) >= 2
            assert [cost for cost in sums if f"{cost:,.8f}" not in shown] == []
    assert f"{Decimal('1234567.50000001'):,}" in shown
    assert "In USD" in shown
    assert "In EUR" in shown
    assert "<script>alert(1)" not in path.read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in path.read_text(encoding="utf-8")


def test_lines_without_a_currency_are_compared_with_those_of_the_month_before(home: Path) -> None:
    """What no currency is told of is a sum of its own: 2,001 against 1 that was, not against nothing."""
    shown = text_of(written(home, "none"))
    assert re.search(r"no currency.{1,20}2,001\.00000000", shown)
    assert "September 2026+2,000.00000000+200,000.0 %" in shown
    assert "None" not in shown


def test_an_own_bill_has_a_page(home: Path) -> None:
    """An end customer's month is reported too, with its tags and without what only partners have."""
    shown = text_of(written(home, "shop"))
    assert "Own bill" in shown
    assert "2.00000000" in shown
    assert "Unpaid" not in shown
    assert "Unpaid" in text_of(written(home))


def test_a_page_is_its_owners_alone_and_written_whole(home: Path) -> None:
    """It stands where paths say, readable by its owner, with nothing left aside; another run writes the same.

    A refusal names the file and why; the page of before stands, and nothing beside it.
    """
    page = written(home)
    assert page == paths.report_file(home, "2026-10", "sandbox")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    before = page.read_bytes()
    written(home)
    assert page.read_bytes() == before
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with patch.object(disk.os, "fsync", side_effect=full), pytest.raises(StorageFailed, match="No space") as failure:
        written(home)
    assert str(page) in str(failure.value)
    assert page.read_bytes() == before
    assert [path.name for path in page.parent.iterdir()] == ["sandbox.html"]


def test_the_command_prints_files_and_stamps_of_every_account(home: Path) -> None:
    """One line for the file, one for how far it can be trusted; it ends with 3 where that is not all the way."""
    done = command(home, "2026-09", "--account", "sandbox")
    assert (done.returncode, done.stderr) == (0, "")
    file, sentence = done.stdout.splitlines()
    assert file == str(paths.report_file(home, "2026-09", "sandbox"))
    assert "2026-09" in sentence
    assert "PARTIAL" not in sentence
    done = command(home, "2026-10")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    pages = [paths.report_file(home, "2026-10", account) for account in ("none", "part", "sandbox", "shop")]
    assert done.stdout.splitlines()[::2] == [str(page) for page in pages]
    assert "PARTIAL" in done.stdout.splitlines()[3]
    assert "It timed out." in text_of(pages[1])
    assert "It timed out." not in text_of(pages[0])


def test_what_is_not_there_is_one_clear_line(home: Path, tmp_path: Path) -> None:
    """A month, account or release that is not there ends with 2, says what there is or how to get it; nothing is
    written.
    """
    for words, facts in (
        (["2026-13"], ["2026-13"]),
        (["2025-01"], ["make month MONTH=2025-01"]),
        (["2026-10", "--account", "south"], ["2026-10", "south", "sandbox"]),
    ):
        done = command(home, *words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), words
        assert [fact for fact in facts if fact not in done.stderr] == []
    assert list(home.rglob("*.html")) == []
    with pytest.raises(SettingError, match="make month MONTH=2026-10"):
        write_reports(tmp_path / "other", "2026-10")
