"""Tests of making a month's statements: whose, of which release, by which terms, and what stays if something fails."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from pipelines import locks, paths
from pipelines.errors import Busy, CorruptFile, SettingError, StorageFailed
from pipelines.periods import BillMonth
from pipelines.publish import build_and_publish
from pipelines.publish.closing import close_month
from pipelines.publish.statements import making
from pipelines.publish.statements.bills import Ownerless
from pipelines.publish.statements.figures import Standing
from pipelines.publish.statements.lines_sheet import LineColumn
from pipelines.publish.statements.making import make_statements
from tests.lake import Pull, line, put, put_month

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH = BillMonth("2026-10")
STRANGE = "../../etc/passwd"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home with a closed month of two accounts and an open one, published; tests get copies."""
    home = tmp_path_factory.mktemp("published")
    bills = {
        "1": [line("a", "1234.00500000"), line("b", "-0.00000001", Region="Tokyo")],
        "2": [line("c", "4"), line("d", "5", Currency="CNY")],
        "3": [],
        STRANGE: [line("e", "1")],
    }
    put_month(home, "2026-10", bills)
    put_month(home, "2026-10", {"7": [line("z", "3", Currency="CNY")]}, account="other")
    put_month(home, "2026-11", {"1": [line("a", "1")]}, month_state="open")
    build_and_publish(home, now=NOW, code_version="test")
    return home


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    """Give a copy of the published home."""
    return Path(shutil.copytree(published, tmp_path / "home", symlinks=True))


def terms_file(home: Path, *rows: str) -> Path:
    """Write customers.csv."""
    file = home / "customers.csv"
    file.write_text("\n".join(["account,customer_uin,display_name,markup,tax,invoice_currency,rate,valid_from", *rows]))
    return file


def total_due(path: Path) -> object:
    """Return what stands at the top of a statement."""
    return openpyxl.load_workbook(path, data_only=True)["Summary"]["G2"].value


def test_every_customer_with_a_bill_gets_a_workbook(home: Path) -> None:
    """One per account and customer; who has no line gets none; progress is told from none to all."""
    told: list[tuple[int, int]] = []
    statements = make_statements(home, MONTH, progress=lambda done, of: told.append((done, of)))
    assert [(made.account, made.customer_uin, made.due) for made in statements.made] == [
        ("other", "7", {"CNY": Decimal("3.00")}),
        ("sandbox", STRANGE, {"USD": Decimal("1.00")}),
        ("sandbox", "1", {"USD": Decimal("1234.00")}),
        ("sandbox", "2", {"CNY": Decimal("5.00"), "USD": Decimal("4.00")}),
    ]
    assert told == [(number, 4) for number in range(5)]
    assert [made.is_final for made in statements.made] == [True, True, True, False]  # no summary tells two currencies
    assert statements.release_id == paths.current_release(home).resolve().stem
    assert total_due(paths.statement_file(home, "2026-10", "other", "7")) == 3
    assert statements.ownerless == ()


def test_statements_are_their_owners_alone_and_no_name_leads_elsewhere(home: Path) -> None:
    """The folder opens for its owner only; a customer's number is a file's name and never a path."""
    statements = make_statements(home, MONTH)
    folder = paths.statements_folder(home)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(made.path.stat().st_mode) for made in statements.made} == {0o600}
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == [
        "2026-10/other/statement-2026-10-7.xlsx",
        "2026-10/sandbox/statement-2026-10-..%2F..%2Fetc%2Fpasswd.xlsx",
        "2026-10/sandbox/statement-2026-10-1.xlsx",
        "2026-10/sandbox/statement-2026-10-2.xlsx",
    ]


def test_only_accounts_and_customers_that_are_named_are_written(home: Path) -> None:
    """Others stay as they are."""
    assert [made.customer_uin for made in make_statements(home, MONTH, accounts=["other"]).made] == ["7"]
    assert [made.customer_uin for made in make_statements(home, MONTH, customers=["1"]).made] == ["1"]
    assert len(list(paths.statements_folder(home).rglob("*.xlsx"))) == 2


@pytest.mark.parametrize(
    ("month", "asked", "told"),
    [
        ("2026-10", {"accounts": ["west"]}, "no bill of account west in 2026-10"),
        ("2026-10", {"customers": ["1", "3"]}, "no bill of customer 3 in 2026-10"),
        ("2026-09", {}, "No customer has a bill in 2026-09"),
    ],
)
def test_what_is_not_there_is_told(home: Path, month: str, asked: dict[str, list[str]], told: str) -> None:
    """An account, a customer or a month without a bill is a mistake in the question."""
    with pytest.raises(SettingError, match=told):
        make_statements(home, BillMonth(month), **asked)
    assert not paths.statements_folder(home).exists()


def test_without_a_release_there_is_nothing_to_make(tmp_path: Path) -> None:
    """The message says what to run."""
    with pytest.raises(SettingError, match="run make month MONTH=2026-10"):
        make_statements(tmp_path, MONTH)


def test_an_open_month_is_preliminary(home: Path) -> None:
    """It can be looked at, and says what it is."""
    (made,) = make_statements(home, BillMonth("2026-11")).made
    assert not made.is_final


def test_a_customer_says_how_its_own_bill_is_not_how_others_are(home: Path) -> None:
    """The seal is the customer's: another one's failed pull is not its concern."""
    put(home, "bill_summary_by_region", "2026-10", {"1": Pull([{"TotalCost": "1"}])})
    build_and_publish(home, now=NOW, code_version="test")
    final = {made.customer_uin: made.is_final for made in make_statements(home, MONTH, accounts=["sandbox"]).made}
    assert not final["1"]
    assert make_statements(home, MONTH, accounts=["other"]).made[0].is_final


def test_terms_are_those_of_the_month(home: Path) -> None:
    """Markup, tax, currency and rate of the row that holds."""
    file = terms_file(home, "sandbox,1,,5%,19%,EUR,0.92,2026-10", "sandbox,1,,50%,,,,2026-11", "sandbox,7,,,,,,")
    file.write_text(file.read_text().replace("sandbox,7", "other,7"))
    made = make_statements(home, MONTH, terms_file=file, customers=["1"]).made[0]
    exact = Decimal("1234.00499999") * Decimal("1.05") * Decimal("0.92") * Decimal("1.19")
    assert made.due == {"EUR": exact.quantize(Decimal("0.01"))}
    (made,) = make_statements(home, BillMonth("2026-11"), terms_file=file).made
    assert made.due == {"USD": Decimal("1.50")}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("sandbox,8,,,,,,", "line 2, column customer_uin is '8'"),
        ("west,1,,,,,,", "line 2, column account is 'west'"),
        (
            "sandbox,1,,,,EUR,,",
            "column rate is empty: the bill of customer 1 in 2026-10 is in USD: write what one USD is in EUR",
        ),
        ("sandbox,1,,,,USD,0.9,", "column rate is '0.9': .* the currency of the invoice: leave it empty"),
        (
            "sandbox,2,,,,USD,7,",
            "column invoice_currency is 'USD': .* is in CNY and USD, and one rate cannot be for both",
        ),
        ("sandbox,1,,5,,,,", "column markup is '5'"),
    ],
)
def test_wrong_terms_stop_everything_before_the_first_workbook(home: Path, row: str, told: str) -> None:
    """Line and column are named, and nothing is written, for no customer."""
    with pytest.raises(SettingError, match=told):
        make_statements(home, MONTH, terms_file=terms_file(home, row))
    assert not paths.statements_folder(home).exists()


def test_a_rate_of_one_into_the_same_currency_is_no_mistake(home: Path) -> None:
    """It says what is true."""
    made = make_statements(home, MONTH, terms_file=terms_file(home, "sandbox,1,,,,USD,1,"), customers=["1"]).made
    assert made[0].due == {"USD": Decimal("1234.00")}


def test_workbooks_of_customers_without_a_bill_any_more_are_removed(home: Path) -> None:
    """Those of customers that are known, or are numbers, go once nothing is billed; a partial run removes nothing."""
    make_statements(home, MONTH)
    put_month(home, "2026-10", {"1": [line("a", "1")]})
    put(home, "customers", "2026-11-20", {None: Pull([{"CustomerUin": uin} for uin in ("1", STRANGE)])})
    build_and_publish(home, now=NOW, code_version="test")
    folder = paths.statements_folder(home) / "2026-10" / "sandbox"
    make_statements(home, MONTH, customers=["1"])
    assert len(list(folder.iterdir())) == 3
    make_statements(home, MONTH)
    assert [path.name for path in folder.iterdir()] == ["statement-2026-10-1.xlsx"]


def test_workbooks_of_an_account_without_any_bill_any_more_are_removed(home: Path) -> None:
    """An account that lost all its bills keeps no stale workbook, unless the run is of other accounts."""
    make_statements(home, MONTH)
    stale = paths.statement_file(home, "2026-10", "other", "7")
    put_month(home, "2026-10", {"7": []}, account="other")
    build_and_publish(home, now=NOW, code_version="test")
    make_statements(home, MONTH, accounts=["sandbox"])
    assert stale.exists()
    make_statements(home, MONTH)
    assert not stale.exists()
    assert paths.statement_file(home, "2026-10", "sandbox", "1").exists()


def test_a_month_in_which_nobody_was_billed_has_no_statements(home: Path) -> None:
    """That is an answer and no mistake, of the month or of an account of it; workbooks of earlier runs are removed."""
    make_statements(home, MONTH)
    put_month(home, "2026-10", {"7": []}, account="other")
    build_and_publish(home, now=NOW, code_version="test")
    assert make_statements(home, MONTH, accounts=["other"]).made == ()
    assert {path.parent.name for path in paths.statements_folder(home).rglob("*.xlsx")} == {"sandbox"}
    put_month(home, "2026-10", {"1": []})
    build_and_publish(home, now=NOW, code_version="test")
    statements = make_statements(home, MONTH)
    assert (statements.made, statements.release_id) == ((), paths.current_release(home).resolve().stem)
    assert not list(paths.statements_folder(home).rglob("*.xlsx"))
    with pytest.raises(SettingError, match="no bill of customer 1"):
        make_statements(home, MONTH, customers=["1"])


def test_a_month_that_is_not_whole_may_have_bills_that_did_not_land(home: Path) -> None:
    """Then it is not said that nobody was billed, and workbooks stay."""
    made = make_statements(home, MONTH, accounts=["other"]).made
    put(home, "customer_bill_detail", "2026-10", {"7": []}, account="other")
    build_and_publish(home, now=NOW, code_version="test")
    with pytest.raises(SettingError, match="no bill of account other"):
        make_statements(home, MONTH, accounts=["other"])
    assert [each.customer_uin for each in make_statements(home, MONTH).unlanded] == ["7"]
    assert made[0].path.exists()


def test_whose_bill_did_not_land_is_named(home: Path) -> None:
    """Nobody would miss a workbook among hundreds; asked for others alone, it is no matter."""
    failed = Pull([], proof="failed", proven_at=None, reason="The API said no.")
    landed = Pull([line("z", "3", Currency="CNY")])
    put(home, "customer_bill_detail", "2026-10", {"7": landed, "8": failed}, account="other")
    build_and_publish(home, now=NOW, code_version="test")
    of_all, of_other = make_statements(home, MONTH), make_statements(home, MONTH, accounts=["other"])
    for statements in (of_all, of_other):
        [lacking] = statements.unlanded
        assert (lacking.account, lacking.customer_uin) == ("other", "8")
        assert "The API said no." in str(lacking.reason)
        assert (statements.partial, statements.is_whole) == (("other",), False)
    others = make_statements(home, MONTH, accounts=["sandbox"]), make_statements(home, MONTH, customers=["7"])
    assert [(statements.unlanded, statements.partial) for statements in others] == [((), ())] * 2
    assert others[1].is_whole


def test_what_the_owner_keeps_beside_the_workbooks_stays(home: Path) -> None:
    """Only workbooks that a run of this month made are removed, whatever else ends in .xlsx."""
    folder = make_statements(home, MONTH, accounts=["other"]).made[0].path.parent
    owners = [
        "signed by me.xlsx",
        "statement-2026-10-200000000001-signed.xlsx",
        "statement-2026-10-200000000001_final.xlsx",
        "statement-2026-10-200000000001-v2.xlsx",
        "statement-2026-10-7 (signed).xlsx",
        "statement-2026-10-7-signed.xlsx",
        "statement-2026-10-7_final.xlsx",
        "statement-2026-10-7-v2.xlsx",
        "statement-2026-09-7.xlsx",
        ".hidden.xlsx",
    ]
    for name in (*owners, "statement-2026-10-8.xlsx"):
        (folder / name).write_bytes(b"mine")
    make_statements(home, MONTH)
    assert {path.name for path in folder.iterdir()} == {*owners, "statement-2026-10-7.xlsx"}


@pytest.mark.parametrize("asked", [{}, {"customers": ["7"]}])
def test_what_a_killed_run_left_is_cleared(home: Path, asked: dict[str, list[str]]) -> None:
    """A workbook that was being written, be it a folder or a file, keeps no later run from ending."""
    folder = make_statements(home, MONTH, accounts=["other"]).made[0].path.parent
    (folder / ".statement-2026-10-77.xlsx").mkdir()
    (folder / ".statement-2026-10-77.xlsx" / "spool").write_bytes(b"half")
    (folder / ".statement-2026-10-78.xlsx").write_bytes(b"half")
    make_statements(home, MONTH, **asked)
    assert [path.name for path in folder.iterdir()] == ["statement-2026-10-7.xlsx"]


def test_statements_of_a_closed_month_stay_the_same_for_ever(home: Path) -> None:
    """Bill and terms are those it was closed with, to the byte, whatever is restated or written since."""
    terms = terms_file(home, "sandbox,1,As closed,5%,,,,")
    closed = close_month(home, MONTH, now=NOW, code_version="test", terms_file=terms, reason="two currencies")
    before = make_statements(home, MONTH, terms_file=terms)
    first = {made.path: made.path.read_bytes() for made in before.made}
    sheet = openpyxl.load_workbook(paths.statement_file(home, "2026-10", "sandbox", "1"), data_only=True)["Summary"]
    assert sheet["A2"].value == "As closed"
    assert any(f"with release {closed.release_id}" in str(cell.value) for (cell,) in sheet["B1:B10"])
    put_month(home, "2026-10", {"1": [line("a", "99")], "2": []})
    build_and_publish(home, now=NOW, code_version="test")
    after = make_statements(home, MONTH, terms_file=terms_file(home, "sandbox,1,Later,90%,,,,", "west,1,,,,,,"))
    assert {made.path: made.path.read_bytes() for made in after.made} == first
    assert after.release_id == before.release_id == closed.release_id


def test_a_month_closed_with_a_reason_says_so_of_bills_that_are_not_final(home: Path) -> None:
    """Customers whose bills were fine are final; the reason, which may be about others, is on no statement."""
    close_month(home, MONTH, now=NOW, code_version="test", reason="customer 1 disputes it")
    made = {each.customer_uin: each for each in make_statements(home, MONTH).made}
    assert {uin: each.standing for uin, each in made.items() if uin in "12"} == {
        "1": Standing.FINAL,
        "2": Standing.RESERVED,
    }
    sheets = [openpyxl.load_workbook(made[uin].path)["Summary"] for uin in "12"]
    assert [sheet["I2"].value for sheet in sheets] == [None, "CLOSED WITH RESERVATIONS: its sums do not agree"]
    assert not any("disputes" in str(cell) for sheet in sheets for row in sheet.values for cell in row)


def test_a_closed_month_without_terms_has_none(home: Path) -> None:
    """Terms that are written after the close are for months after it."""
    close_month(home, MONTH, now=NOW, code_version="test", reason="two currencies")
    file = terms_file(home, "sandbox,1,,90%,,,,")
    assert make_statements(home, MONTH, terms_file=file, customers=["1"]).made[0].due == {"USD": Decimal("1234.00")}


def test_a_damaged_release_of_a_closed_month_is_refused(home: Path) -> None:
    """Something else than what was invoiced must not be told in its place."""
    close_month(home, MONTH, now=NOW, code_version="test", reason="two currencies")
    kept = paths.closed_release(home, "2026-10")
    kept.unlink()
    shutil.copy(paths.build_file(home), kept)
    with pytest.raises(CorruptFile, match="is not the release that 2026-10 was closed with"):
        make_statements(home, MONTH)
    kept.unlink()
    with pytest.raises(CorruptFile, match="put it back from a backup"):
        make_statements(home, MONTH)


def test_a_release_of_a_close_that_is_too_old_for_this_code_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which release, of which version, and what can be done; workbooks that were made before stay as they are."""
    closed = close_month(home, MONTH, now=NOW, code_version="test", reason="two currencies")
    before = {made.path: made.path.read_bytes() for made in make_statements(home, MONTH).made}
    monkeypatch.setattr(making, "COLUMNS", [LineColumn("New", "a_later_column", 9, "text")])
    with pytest.raises(SettingError) as told:
        make_statements(home, MONTH)
    assert f"release {closed.release_id}, whose tables are of version {closed.schema_version}" in str(told.value)
    assert "a_later_column" in str(told.value)
    assert "run make statements MONTH=2026-10 with the code that built it, test" in str(told.value)
    assert "closed_costs.parquet" in str(told.value)
    assert {path: path.read_bytes() for path in paths.statements_folder(home).rglob("*.xlsx")} == before


def test_a_release_of_a_close_of_another_major_version_is_not_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its columns may have other types; one whose version differs behind the first point alone is asked."""
    closed = close_month(home, MONTH, now=NOW, code_version="test", reason="two currencies")
    first = int(closed.schema_version.partition(".")[0])
    monkeypatch.setattr(making, "SCHEMA_VERSION", f"{first}.99.0")
    make_statements(home, MONTH, customers=["1"])
    monkeypatch.setattr(making, "SCHEMA_VERSION", f"{first + 1}.0.0")
    with pytest.raises(SettingError) as told:
        make_statements(home, MONTH, customers=["1"])
    assert f"release {closed.release_id}, whose tables are of version {closed.schema_version}" in str(told.value)
    assert f"made of version {first + 1}.0.0, of which columns went or changed their type since" in str(told.value)
    assert "run make statements MONTH=2026-10 with the code that built it, test" in str(told.value)


def test_a_disk_that_refuses_leaves_the_workbooks_that_were_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of a workbook leaves the old one whole and nothing half-written."""
    made = make_statements(home, MONTH).made
    before = {each.path: each.path.read_bytes() for each in made}

    def full(aside: Path, *_: object) -> None:
        aside.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(making, "write_workbook", full)
    with pytest.raises(StorageFailed, match="No space left on device"):
        make_statements(home, MONTH)
    assert {path: path.read_bytes() for path in paths.statements_folder(home).rglob("*") if path.is_file()} == before
    assert not list(paths.statements_folder(home).rglob(".*"))


def test_two_runs_do_not_write_at_once(home: Path) -> None:
    """The second is told who is at it."""
    with locks.held(paths.statements_lock(home), "statements"), pytest.raises(Busy, match="the statements of"):
        make_statements(home, MONTH)


def test_costs_of_no_customer_are_told(home: Path) -> None:
    """They can be sent to nobody, and are not passed over in silence."""
    put(home, "customer_bill_detail", "2026-11", {"1": Pull([line("a", "1")]), None: Pull([line("x", "2")])})
    build_and_publish(home, now=NOW, code_version="test")
    statements = make_statements(home, BillMonth("2026-11"))
    assert [made.customer_uin for made in statements.made] == ["1"]
    assert statements.ownerless == (Ownerless("sandbox", "USD", 1, Decimal(2)),)
