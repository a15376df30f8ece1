"""Tests of making a month's statements: whose, of which release, by which terms, and what stays if something fails."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

import openpyxl
import pytest

from pipelines import locks, paths
from pipelines.errors import Busy, CorruptFile, SettingError, StorageFailed
from pipelines.periods import BillMonth
from pipelines.publish.statements import making
from pipelines.publish.statements.bills import Ownerless
from pipelines.publish.statements.figures import Standing
from pipelines.publish.statements.lines_sheet import LineColumn
from pipelines.publish.statements.making import make_statements
from tests.lake import line, put_month
from tests.unit.publish.conftest import STRANGE, publish, terms_file

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.model.closes import Close

MONTH = BillMonth("2026-10")


def in_place(home: Path, month: str, *customers: tuple[str, str]) -> list[Path]:
    """Put workbooks of an earlier run into place, by account and customer; what is in them does not matter here."""
    made = [paths.statement_file(home, month, account, uin) for account, uin in customers]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"earlier")
    return made


def contents(home: Path) -> dict[Path, bytes]:
    """Return every workbook of a home with its bytes."""
    return {path: path.read_bytes() for path in paths.statements_folder(home).rglob("*.xlsx")}


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


def test_what_is_not_there_is_told(home: Path) -> None:
    """An account, a customer or a month without a bill is a mistake in the question, and nothing is written."""
    for month, asked, told in (
        ("2026-10", {"accounts": ["west"]}, "west.*2026-10"),
        ("2026-10", {"customers": ["1", "3"]}, "3.*2026-10"),
        ("2026-03", {}, "2026-03"),
    ):
        with pytest.raises(SettingError, match=told):
            make_statements(home, BillMonth(month), **asked)
    assert not paths.statements_folder(home).exists()


def test_without_a_release_there_is_nothing_to_make(tmp_path: Path) -> None:
    """The message says what to run."""
    with pytest.raises(SettingError, match="make month MONTH=2026-10"):
        make_statements(tmp_path, MONTH)


def test_an_open_month_is_preliminary_and_costs_of_no_customer_are_told(home: Path) -> None:
    """It can be looked at, and says what it is; what can be sent to nobody is not passed over in silence."""
    statements = make_statements(home, BillMonth("2026-11"))
    assert [(made.customer_uin, made.is_final) for made in statements.made] == [("1", False)]
    assert statements.ownerless == (Ownerless("sandbox", "USD", 1, Decimal(2)),)


def test_a_customer_says_how_its_own_bill_is_not_how_others_are(home: Path) -> None:
    """The stamp is the customer's: another one's sums that do not agree are not its concern."""
    made = make_statements(home, BillMonth("2026-09")).made
    assert {each.customer_uin: each.is_final for each in made} == {"1": False, "2": True, "7": True}


def test_terms_are_those_of_the_month(home: Path) -> None:
    """Markup, tax, currency and rate of the row that holds."""
    file = terms_file(home, "sandbox,1,,5%,19%,EUR,0.92,2026-10", "sandbox,1,,50%,,,,2026-11", "other,7,,,,,,")
    made = make_statements(home, MONTH, terms_file=file, customers=["1"]).made[0]
    exact = Decimal("1234.00499999") * Decimal("1.05") * Decimal("0.92") * Decimal("1.19")
    assert made.due == {"EUR": exact.quantize(Decimal("0.01"))}
    (made,) = make_statements(home, BillMonth("2026-11"), terms_file=file).made
    assert made.due == {"USD": Decimal("1.50")}


def test_wrong_terms_stop_everything_before_the_first_workbook(home: Path) -> None:
    """Line, column and value are named, and what they do not fit, and nothing is written, for no customer."""
    wrong = {
        "sandbox,8,,,,,,": "line 2.*customer_uin.*'8'",
        "west,1,,,,,,": "line 2.*account.*'west'",
        "sandbox,1,,,,EUR,,": "line 2.*rate.*customer 1 .*2026-10.*USD.*EUR",
        "sandbox,1,,,,USD,0.9,": "line 2.*rate.*'0.9'",
        "sandbox,2,,,,USD,7,": "line 2.*invoice_currency.*'USD'.*CNY.*USD",
        "sandbox,1,,5,,,,": "line 2.*markup.*'5'",
    }
    for row, told in wrong.items():
        with pytest.raises(SettingError, match=told):
            make_statements(home, MONTH, terms_file=terms_file(home, row))
    assert not paths.statements_folder(home).exists()


def test_a_rate_of_one_into_the_same_currency_is_no_mistake(home: Path) -> None:
    """It says what is true."""
    made = make_statements(home, MONTH, terms_file=terms_file(home, "sandbox,1,,,,USD,1,"), customers=["1"]).made
    assert made[0].due == {"USD": Decimal("1234.00")}


def test_workbooks_of_customers_and_accounts_without_a_bill_any_more_are_removed(home: Path) -> None:
    """Those of customers that are known, or are numbers, go once nothing is billed.

    A run of some customers removes nothing, one of some accounts nothing of others.
    """
    month = "2026-07"
    known, number = in_place(home, month, ("sandbox", quote(STRANGE, safe="")), ("sandbox", "99"))
    (of_other,) = in_place(home, month, ("other", "7"))
    billed = paths.statement_file(home, month, "sandbox", "1")
    make_statements(home, BillMonth(month), customers=["1"])
    assert set(contents(home)) == {known, number, of_other, billed}
    make_statements(home, BillMonth(month), accounts=["sandbox"])
    assert set(contents(home)) == {of_other, billed}
    make_statements(home, BillMonth(month))
    assert set(contents(home)) == {billed}


def test_a_month_in_which_nobody_was_billed_has_no_statements(home: Path) -> None:
    """That is an answer and no mistake, of the month or of an account of it; workbooks of earlier runs are removed."""
    _, kept = in_place(home, "2026-07", ("other", "7"), ("sandbox", "1"))
    assert make_statements(home, BillMonth("2026-07"), accounts=["other"]).made == ()
    assert set(contents(home)) == {kept}
    in_place(home, "2026-08", ("other", "7"), ("sandbox", "1"))
    statements = make_statements(home, BillMonth("2026-08"))
    assert (statements.made, statements.release_id) == ((), paths.current_release(home).resolve().stem)
    assert set(contents(home)) == {kept}
    with pytest.raises(SettingError, match="customer 1"):
        make_statements(home, BillMonth("2026-08"), customers=["1"])


def test_a_month_that_is_not_whole_may_have_bills_that_did_not_land(home: Path) -> None:
    """Then it is not said that nobody was billed, and workbooks stay."""
    (kept,) = in_place(home, "2026-05", ("other", "7"))
    with pytest.raises(SettingError, match="account other"):
        make_statements(home, BillMonth("2026-05"), accounts=["other"])
    assert [each.customer_uin for each in make_statements(home, BillMonth("2026-05")).unlanded] == ["7"]
    assert kept.exists()


def test_whose_bill_did_not_land_is_named(home: Path) -> None:
    """Nobody would miss a workbook among hundreds; asked for others alone, it is no matter."""
    month = BillMonth("2026-06")
    for statements in (make_statements(home, month), make_statements(home, month, accounts=["other"])):
        [lacking] = statements.unlanded
        assert (lacking.account, lacking.customer_uin) == ("other", "8")
        assert "The API said no." in str(lacking.reason)
        assert (statements.partial, statements.is_whole) == (("other",), False)
    others = make_statements(home, month, accounts=["sandbox"]), make_statements(home, month, customers=["7"])
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


def test_what_a_killed_run_left_is_cleared(home: Path) -> None:
    """A workbook that was being written, be it a folder or a file, keeps no later run from ending."""
    folder = paths.statement_file(home, "2026-10", "other", "7").parent
    for asked in ({"accounts": ["other"]}, {"customers": ["7"]}):
        (folder / ".statement-2026-10-77.xlsx").mkdir(parents=True)
        (folder / ".statement-2026-10-77.xlsx" / "spool").write_bytes(b"half")
        (folder / ".statement-2026-10-78.xlsx").write_bytes(b"half")
        make_statements(home, MONTH, **asked)
        assert [path.name for path in folder.iterdir()] == ["statement-2026-10-7.xlsx"]


def test_statements_of_a_closed_month_stay_the_same_for_ever(closed_home: Path, closed: tuple[Path, Close]) -> None:
    """Bill and terms are those it was closed with, to the byte, whatever is restated or written since."""
    home, closing = closed_home, closed[1]
    before = make_statements(home, MONTH, terms_file=home / "customers.csv")
    first = contents(home)
    sheet = openpyxl.load_workbook(paths.statement_file(home, "2026-10", "sandbox", "1"), data_only=True)["Summary"]
    assert sheet["A2"].value == "As closed"
    assert any(closing.release_id in str(cell.value) for (cell,) in sheet["B1:B10"])
    put_month(home, "2026-10", {"1": [line("a", "99")], "2": []})
    publish(home)
    after = make_statements(home, MONTH, terms_file=terms_file(home, "sandbox,1,Later,90%,,,,", "west,1,,,,,,"))
    assert contents(home) == first
    assert after.release_id == before.release_id == closing.release_id


def test_a_month_closed_with_a_reason_says_so_of_bills_that_are_not_final(closed_home: Path) -> None:
    """Customers whose bills were fine are final; the reason, which may be about others, is on no statement."""
    made = {each.customer_uin: each for each in make_statements(closed_home, MONTH).made}
    assert {uin: each.standing for uin, each in made.items() if uin in "12"} == {
        "1": Standing.FINAL,
        "2": Standing.RESERVED,
    }
    sheets = [openpyxl.load_workbook(made[uin].path)["Summary"] for uin in "12"]
    assert sheets[0]["I2"].value is None
    assert str(sheets[1]["I2"].value).startswith("CLOSED WITH RESERVATIONS: ")
    assert not any("disputes" in str(cell) for sheet in sheets for row in sheet.values for cell in row)


def test_a_closed_month_without_terms_has_none(closed_home: Path) -> None:
    """Terms that are written after the close are for months after it."""
    file = terms_file(closed_home, "sandbox,2,,90%,,,,")
    made = make_statements(closed_home, BillMonth("2026-09"), terms_file=file, customers=["2"]).made
    assert made[0].due == {"USD": Decimal("5.00")}


def test_a_damaged_release_of_a_closed_month_is_refused(closed_home: Path) -> None:
    """Something else than what was invoiced must not be told in its place."""
    kept = paths.closed_release(closed_home, "2026-10")
    kept.unlink()
    shutil.copy(paths.build_file(closed_home), kept)
    with pytest.raises(CorruptFile, match=f"{kept.name}.*2026-10"):
        make_statements(closed_home, MONTH)
    kept.unlink()
    with pytest.raises(CorruptFile, match=kept.name):
        make_statements(closed_home, MONTH)


def test_a_closed_month_that_needs_older_code_is_told(
    closed_home: Path, closed: tuple[Path, Close], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which release, of which version, and what can be done; workbooks that were made before stay as they are.

    A release lacks a column, or is of another major version, whose columns may have other types; one whose version
    differs behind the first point alone is asked.
    """
    home, closing = closed_home, closed[1]
    facts = (
        closing.release_id,
        closing.schema_version,
        "make statements MONTH=2026-10",
        "test",
        "closed_costs.parquet",
    )
    first = int(closing.schema_version.partition(".")[0])
    monkeypatch.setattr(making, "SCHEMA_VERSION", f"{first}.99.0")
    make_statements(home, MONTH, customers=["1"])
    before = contents(home)
    monkeypatch.setattr(making, "SCHEMA_VERSION", f"{first + 1}.0.0")
    with pytest.raises(SettingError) as other_version:
        make_statements(home, MONTH, customers=["1"])
    monkeypatch.undo()
    monkeypatch.setattr(making, "COLUMNS", [LineColumn("New", "a_later_column", 9, "text")])
    with pytest.raises(SettingError) as other_columns:
        make_statements(home, MONTH)
    for told, fact in ((other_version, f"{first + 1}.0.0"), (other_columns, "a_later_column")):
        assert [each for each in (*facts, fact) if each not in str(told.value)] == []
    assert contents(home) == before


def test_a_disk_that_refuses_leaves_the_workbooks_that_were_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of a workbook leaves the old one whole and nothing half-written."""
    made = make_statements(home, MONTH).made
    before = {each.path: each.path.read_bytes() for each in made}

    def full(aside: Path, *_: object) -> None:
        aside.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(making, "write_workbook", full)
    with pytest.raises(StorageFailed, match=os.strerror(errno.ENOSPC)):
        make_statements(home, MONTH)
    assert {path: path.read_bytes() for path in paths.statements_folder(home).rglob("*") if path.is_file()} == before
    assert not list(paths.statements_folder(home).rglob(".*"))


def test_two_runs_do_not_write_at_once(home: Path) -> None:
    """The second is told who is at it."""
    with locks.held(paths.statements_lock(home), "statements"), pytest.raises(Busy, match=str(home)):
        make_statements(home, MONTH)
