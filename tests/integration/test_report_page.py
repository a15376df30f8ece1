"""From a landed lake to the page of a month: what it sums up, where it is written, and how the command ends."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines import paths
from pipelines.errors import SettingError, StorageFailed
from pipelines.publish import build_and_publish, disk
from pipelines.publish.report import write_reports
from tests.integration.programs import program
from tests.lake import Pull, line, put, put_month

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a released home: two months, the last in two currencies, and a product whose name is not to be trusted."""
    home = tmp_path_factory.mktemp("home")
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
    release(home)
    return home


def release(home: Path) -> None:
    """Build and publish."""
    assert build_and_publish(home, now=NOW, code_version="test")


def text_of(path: Path) -> str:
    """Return what can be read in a page, without markup."""
    body = re.sub(r"(?s)<(script|style).*?</\1>", "", path.read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body))


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command, as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines", "report", *arguments],
        cwd=ROOT,
        env=os.environ | {"BILL_ETL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sums_shown_are_those_of_the_release(home: Path) -> None:
    """Each currency's total, and each product's, customer's and region's part, is the release's to the last decimal."""
    (written,) = write_reports(home, "2026-10")
    shown = text_of(written.path)
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as connection:
        for slice_params in ("'all'", "product_name", "customer_uin", "region_name"):
            months = "from fct_monthly_costs where bill_month = '2026-10' group by billing_currency"
            sums = [
                cost for (cost,) in connection.execute(f"select sum(billed_cost) {months}, {slice_params}").fetchall()
            ]
            assert sums
            assert [cost for cost in sums if f"{cost:,.8f}" not in shown] == []
    assert f"{Decimal('1234567.50000001'):,}" in shown
    assert "In USD" in shown
    assert "In EUR" in shown


def test_lines_without_a_currency_are_compared_with_those_of_the_month_before(tmp_path: Path) -> None:
    """What no currency is told of is books of its own: 2,001 against 1 that was, not against nothing."""
    for month, cost in (("2026-09", "1"), ("2026-10", "2001")):
        put_month(tmp_path, month, {"1": [line("a", cost, Currency=None)], "2": [line("b", "3")]})
    release(tmp_path)
    (written,) = write_reports(tmp_path, "2026-10")
    shown = text_of(written.path)
    assert "In no currency Billed2,001.00000000" in shown
    assert "Against September 2026+2,000.00000000+200,000.0 %" in shown
    assert "None" not in shown


def test_a_page_is_its_owners_alone_and_written_whole(home: Path) -> None:
    """It stands where paths say, readable by its owner, with nothing left aside; another run writes the same."""
    (written,) = write_reports(home, "2026-10")
    assert written.path == paths.report_file(home, "2026-10", "sandbox")
    assert stat.S_IMODE(written.path.stat().st_mode) == 0o600
    assert [path.name for path in written.path.parent.iterdir()] == ["sandbox.html"]
    before = written.path.read_bytes()
    write_reports(home, "2026-10")
    assert written.path.read_bytes() == before


def test_a_full_disk_leaves_the_page_that_was_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal names the file and why; the page of before stands, and nothing beside it."""

    def refused(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (written,) = write_reports(home, "2026-10")
    before = written.path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(disk.os, "fsync", refused)
        with pytest.raises(StorageFailed, match="No space left") as failure:
            write_reports(home, "2026-10")
    assert str(written.path) in str(failure.value)
    assert written.path.read_bytes() == before
    assert [path.name for path in written.path.parent.iterdir()] == ["sandbox.html"]


def test_names_of_the_books_cannot_become_markup(home: Path) -> None:
    """A product called like a script is read as that name, and is none."""
    (written,) = write_reports(home, "2026-10")
    page = written.path.read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_command_prints_files_and_seals(home: Path) -> None:
    """One line for the file, one for how far it can be trusted; it ends with 3 where that is not all the way."""
    done = command(home, "2026-09")
    assert (done.returncode, done.stderr) == (0, "")
    assert str(paths.report_file(home, "2026-09", "sandbox")) in done.stdout
    assert "2026-09, issued, as of" in done.stdout
    assert "complete, reconciled" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2026-13"], "'2026-13' is not a bill month"),
        (["2025-01"], "The current release has no bills of 2025-01: run make month MONTH=2025-01."),
        (["2026-10", "--account", "south"], "no bills of 2026-10 for south; it has them for sandbox."),
    ],
)
def test_what_is_not_there_is_one_clear_line(home: Path, arguments: list[str], message: str) -> None:
    """A month or account that the release does not have ends with 2, and writes nothing."""
    before = sorted(home.rglob("*.html"))
    done = command(home, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(home.rglob("*.html")) == before


def test_without_a_release_there_is_no_report(tmp_path: Path) -> None:
    """The message says how to get one."""
    with pytest.raises(SettingError, match="There is no release"):
        write_reports(tmp_path, "2026-10")


def test_a_partial_month_is_written_and_said_to_be_partial(tmp_path: Path) -> None:
    """Its page names who is not whole, and the command ends with 3."""
    put_month(tmp_path, "2026-10", {"1": [line("a", "1")]})
    pulls = {"1": Pull([line("a", "1")]), "2": Pull(proof="failed", reason="It timed out.", proven_at=None)}
    put(tmp_path, "customer_bill_detail", "2026-10", pulls)
    release(tmp_path)
    done = command(tmp_path, "2026-10")
    assert done.returncode == 3
    assert "PARTIAL" in done.stdout
    assert "the page says what is not" in done.stderr
    shown = text_of(paths.report_file(tmp_path, "2026-10", "sandbox"))
    assert "not complete" in shown
    assert "It timed out." in shown


def test_an_own_bill_has_a_page(tmp_path: Path) -> None:
    """An end customer's month is reported too, with its tags and without what only partners have."""
    own = [{"Id": "a", "OriginalCost": "2", "TotalCost": "2", "Currency": "USD", "BusinessCode": "p_cvm"}]
    put(tmp_path, "own_bill_detail", "2026-10", {None: Pull(own)})
    release(tmp_path)
    (written,) = write_reports(tmp_path, "2026-10")
    shown = text_of(written.path)
    assert "Own bill" in shown
    assert "2.00000000" in shown
    assert "Unpaid" not in shown


def test_a_browser_draws_every_chart_under_the_pages_own_policy(home: Path, tmp_path: Path) -> None:
    """With eval and every address forbidden, each chart becomes a drawing."""
    (written,) = write_reports(home, "2026-10")
    drawn = subprocess.run(
        [
            program("chromium", "google-chrome", package="chromium"),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=5000",
            "--dump-dom",
            written.path.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    places = re.findall(r'<div class="chart"', written.path.read_text(encoding="utf-8"))
    assert places
    assert len(re.findall(r"<svg [^>]*class=\"marks\"", drawn)) == len(places)
    assert "could not be drawn" not in re.sub(r"(?s)<script.*?</script>", "", drawn)
