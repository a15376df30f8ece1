"""Closing a month: what is frozen, when it is refused, and what a restatement is told against."""

from __future__ import annotations

import csv
import errno
import getpass
import json
import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import duckdb
import pytest

from pipelines import locks, paths
from pipelines.errors import BuildFailed, Busy, CorruptFile, SettingError, StorageFailed
from pipelines.land.manifest import landed_files
from pipelines.model.closes import CLOSE, COSTS, TERMS, TIE_OUT, sha256
from pipelines.periods import BILLING_ZONE, BillMonth, MonthState
from pipelines.publish import build_and_publish, closing, disk, is_current, release
from pipelines.publish.closing import close_month
from pipelines.publish.release_stamp import stamps
from tests.integration import projects
from tests.integration.commands import run_module
from tests.lake import Pull, Row, amount, line, put, put_month, sums
from tests.shared import copy, shared
from tests.unit.land.conftest import Lake
from tests.unit.land.conftest import Pull as Landing

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.model.closes import Close

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
MONTH = BillMonth("2026-10")
BILL = [line("a", "2"), line("b", "3", Region="Tokyo"), line("e", "8", Region="Bangkok")]
RESTATED = [line("a", "1.5"), line("b", "3.00000001", Region="Tokyo"), line("d", "5", Region="Jakarta")]


@pytest.fixture(autouse=True)
def _small_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build what closing reads, and the restatements, in half the time."""
    monkeypatch.setattr(release, "read_project", projects.of_closing)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home with two closed months and the running one, published; tests get copies."""

    def make(home: Path) -> None:
        put_month(home, "2026-09", {"1": [line("a", "7")]}, account="acme")
        put_month(home, "2026-10", {"1": BILL, "2": [line("c", "4")]}, account="acme")
        Lake(home).land({"1": Landing(BILL), "2": Landing([line("c", "4")])}, state=MonthState.ISSUED)
        put_month(home, "2026-11", {"1": [line("a", "1")]}, account="acme", month_state="open")
        put_own(home, "10")
        with patch.object(release, "read_project", projects.of_closing):
            publish(home)

    return shared(tmp_path_factory, "to-close", make)


@pytest.fixture(scope="session")
def closed(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give such a home whose second month is closed; tests that change it get copies."""

    def make(home: Path) -> None:
        shutil.copytree(published, home, symlinks=True, dirs_exist_ok=True)
        with patch.object(release, "read_project", projects.of_closing):
            close(home)

    return shared(tmp_path_factory, "closed", make)


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    """Give a home of the test's own in which a month can be closed."""
    return copy(published, tmp_path / "home")


@pytest.fixture
def closed_home(closed: Path, tmp_path: Path) -> Path:
    """Give a home of the test's own in which a month is closed."""
    return copy(closed, tmp_path / "home")


def put_own(home: Path, cost: str) -> None:
    """Land an end customer's own bill of the month, its summaries too."""
    put(home, "own_bill_detail", "2026-10", {None: Pull([own_line(cost)])}, account="shop")
    parts = [
        Pull(
            [{"OriginalCost": cost, "VoucherPayAmount": "0", "TotalCost": cost}],
            slice_params=f'{{"GroupType":"{kind}"}}',
        )
        for kind in ("product", "project")
    ]
    put(home, "own_bill_summary", "2026-10", {None: parts}, account="shop")


def own_line(cost: str) -> dict[str, str | None]:
    """Return a line of an own bill."""
    return {"Id": "o", "TotalCost": cost, "OriginalCost": cost, "Currency": "USD", "BusinessCode": "p_cos"}


def publish(home: Path, minutes: int = 0) -> None:
    """Build and publish what changed."""
    build_and_publish(home, now=NOW + timedelta(minutes=minutes), code_version="test")


def close(home: Path, month: BillMonth = MONTH, reason: str | None = None, terms: Path | None = None) -> Close:
    """Close a month, a minute after it was published."""
    now = NOW + timedelta(minutes=1)
    return close_month(home, month, now=now, code_version="test", reason=reason, terms_file=terms)


def close_only(home: Path, month: BillMonth = MONTH, reason: str | None = None, terms: Path | None = None) -> Close:
    """Close a month without publishing that it is, which takes seconds."""
    with patch.object(closing, "build_and_publish"):
        return close(home, month, reason, terms)


def ask(home: Path, query: str) -> list[Any]:
    """Ask the current release."""
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as connection:
        return connection.execute(query).fetchall()


def restate(home: Path, uin: str = "1", bill: list[Row] | None = None) -> None:
    """Land a customer's restated bill of the month, with a change log, and summaries that agree with it."""
    lines = RESTATED if bill is None else bill
    lake = Lake(home)
    lake.hour = 1  # later than what was landed first
    lake.land({uin: Landing(lines)}, state=MonthState.ISSUED)
    other = {"1": BILL, "2": [line("c", "4")]} | {uin: lines}
    totals = {
        name: sums(str(sum((amount(row["TotalCost"]) for row in rows), Decimal()))) for name, rows in other.items()
    }
    for dataset in sums("0"):
        put(home, dataset, "2026-10", {name: Pull(total[dataset]) for name, total in totals.items()}, account="acme")


def tie_out(home: Path, month: str = "2026-10") -> list[dict[str, str]]:
    """Read the tie-out of a closed month as texts."""
    with (paths.closed_folder(home, month) / TIE_OUT).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tells(text: str, *facts: str) -> bool:
    """Whether a line of a text holds all of these."""
    return any(all(fact in line for fact in facts) for line in text.splitlines())


def test_what_was_invoiced_is_frozen(closed: Path, published: Path) -> None:
    """The folder holds the costs, the tie-out and who closed the month with what; the release is kept by a name."""
    released = paths.current_release(published).resolve()
    folder = paths.closed_folder(closed, "2026-10")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {CLOSE: 0o444, COSTS: 0o444, TIE_OUT: 0o444}
    said = json.loads((folder / CLOSE).read_text())
    assert said["release_id"] == released.stem
    assert said["closed_at"] == (NOW + timedelta(minutes=1)).astimezone(BILLING_ZONE).isoformat()
    assert (said["closed_by"], said["reason"], said["overridden"]) == (getpass.getuser(), None, [])
    assert [(one["account"], one["is_own_bill"]) for one in said["accounts"]] == [("acme", False), ("shop", True)]
    assert said["files"] == {
        file.path: file.digest for file in landed_files(closed) if file.manifest.partition_key == "2026-10"
    }
    assert said["models"] == dict(ask(closed, "select model_name, digest from meta.models"))
    assert said["contents"] == {name: sha256(folder / name) for name in (COSTS, TIE_OUT)}
    kept = paths.closed_release(closed, "2026-10")
    assert kept.samefile(paths.releases_folder(closed) / released.name)
    assert kept.read_bytes() == released.read_bytes()
    assert said["release_sha256"] == sha256(kept)
    costs = duckdb.read_parquet(str(folder / COSTS))
    asked = "account, customer_uin, is_own_bill, region_name, line_count, billed_cost::varchar as cost"
    assert sorted(costs.project(asked).fetchall(), key=str) == [
        ("acme", "1", False, "Bangkok", 1, "8.00000000"),
        ("acme", "1", False, "Singapore", 1, "2.00000000"),
        ("acme", "1", False, "Tokyo", 1, "3.00000000"),
        ("acme", "2", False, "Singapore", 1, "4.00000000"),
        ("shop", None, True, None, 1, "10.00000000"),
    ]


def test_the_tie_out_holds_each_bills_sums(closed: Path) -> None:
    """Per account and customer: the five totals, their difference, rows and when last proven, as plain CSV."""
    first, _, own = tie_out(closed)
    assert first["customer_uin"] == "1"
    names = ("detail_cost", "summary_cost", "by_product_cost", "by_region_cost", "by_pay_mode_cost")
    assert [first[name] for name in names] == ["13.00000000"] * 5
    assert (first["difference"], first["row_count"], first["is_reconciled"]) == ("0.00000000", "3", "true")
    assert first["proven_at"].startswith("2026-11-20 12:00:00")  # of the summaries, the oldest
    assert (own["account"], own["customer_uin"], own["bill"]) == ("shop", "", "own")
    assert (own["detail_cost"], own["by_product_cost"], own["by_project_cost"]) == ("10.00000000",) * 3
    assert (own["difference"], own["row_count"]) == ("0.00000000", "1")


def test_the_close_is_published(closed: Path) -> None:
    """The next release, made by the close itself, shows the month's frozen release; nothing differs from it."""
    (release_id,) = {file.stem for file in paths.releases_folder(closed).iterdir()} - {
        paths.current_release(closed).resolve().stem
    }
    assert is_current(closed)
    with duckdb.connect(str(paths.current_release(closed)), read_only=True) as connection:
        assert {stamp.closed_release_id for stamp in stamps(connection, "2026-10")} == {release_id}
        assert {stamp.closed_release_id for stamp in stamps(connection, "2026-09")} == {None}
    frozen = "select account, closed_release_id is not null, closed_at is not null, difference::varchar"
    assert sorted(ask(closed, f"{frozen} from rpt_restatements where bill_month = '2026-10'")) == [
        ("acme", True, True, "0.00000000"),
        ("acme", True, True, "0.00000000"),
        ("shop", True, True, "0.00000000"),
    ]
    assert ask(closed, "from rpt_restatement_lines") == []
    assert ask(closed, "select distinct bill_month, release_id, reason from meta.closed_months") == [
        ("2026-10", release_id, None)
    ]


def test_no_difference_is_told_of_totals_that_are_not_all_there_and_no_text_is_a_formula(home: Path) -> None:
    """Where a total that is compared is missing, the tie-out says no difference, of customers and of own bills.

    A text that a spreadsheet would calculate has an apostrophe before it; what is owed to a customer is a number.
    """
    put_month(home, "2026-09", {"=1+1": [line("a", "-7")]}, account="acme")
    put(home, "bill_summary_by_product", "2026-10", {"1": Pull(sums("13")["bill_summary_by_product"])}, account="acme")
    by_product = {"OriginalCost": "10", "VoucherPayAmount": "0", "TotalCost": "10"}
    put(
        home,
        "own_bill_summary",
        "2026-10",
        {None: Pull([by_product], slice_params='{"GroupType":"product"}')},
        account="shop",
    )
    publish(home, 1)
    close_only(home, reason="The rest is not to be had.")
    whole, partial, own = tie_out(home)
    assert whole["difference"] == "0.00000000"
    assert (partial["detail_cost"], partial["by_product_cost"], partial["difference"]) == ("4.00000000", "", "")
    assert (own["by_product_cost"], own["by_project_cost"], own["difference"]) == ("10.00000000", "", "")
    shutil.rmtree(paths.closed_root(home))  # else the release would not be of all that is there
    close_only(home, BillMonth("2026-09"), "The shop opened in October.")
    (row,) = tie_out(home, "2026-09")
    assert (row["customer_uin"], row["detail_cost"]) == ("'=1+1", "-7.00000000")


def test_a_customer_of_two_accounts_is_frozen_once_if_their_bills_agree(home: Path) -> None:
    """Where two accounts landed different bills of a customer, the close asks for a reason; equal ones count once."""
    put_month(home, "2026-10", {"2": [line("c", "5")]}, account="beta")
    publish(home, 1)
    with pytest.raises(SettingError) as refusal:
        close(home)
    assert tells(str(refusal.value), "acme, customer 2: ", "different bills")
    put_month(home, "2026-10", {"2": [line("c", "4")]}, account="beta")
    publish(home, 2)
    close_only(home)
    assert [(row["account"], row["customer_uin"]) for row in tie_out(home)] == [
        ("acme", "1"),
        ("acme", "2"),
        ("shop", ""),
    ]


def test_the_terms_that_held_are_kept_for_their_owner(home: Path, tmp_path: Path) -> None:
    """A `customers.csv` is kept to the byte, and nobody else on the machine can read its markups.

    Everything else of the close stays readable for analysts. One that is wrong stops the close, before anything is
    written.
    """
    terms = tmp_path / "terms.csv"
    terms.write_bytes(b"\xef\xbb\xbfaccount,customer_uin,markup\r\nacme,1,5\r\n")
    with pytest.raises(SettingError, match=r"terms\.csv.*\b2\b.*\bmarkup\b.*'5'"):
        close(home, terms=terms)
    assert not paths.closed_root(home).exists()
    terms.write_bytes(terms.read_bytes().replace(b"1,5", b"1,5%"))
    terms.chmod(0o600)
    told = close_only(home, terms=terms)
    folder = paths.closed_folder(home, "2026-10")
    assert (folder / TERMS).read_bytes() == terms.read_bytes()
    assert told.contents[TERMS] == sha256(folder / TERMS)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {TERMS: 0o400, CLOSE: 0o444, COSTS: 0o444, TIE_OUT: 0o444}
    assert stat.S_IMODE(paths.closed_release(home, "2026-10").stat().st_mode) == 0o444


def test_the_terms_that_are_kept_are_those_that_were_checked(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who saves the file while the month is closed changes nothing of the close."""
    terms, checked = tmp_path / "terms.csv", closing.check_terms
    content = b"account,customer_uin,markup\nacme,1,5%\n"
    terms.write_bytes(content)

    def saved_meanwhile(*values: Any) -> None:
        checked(*values)
        terms.write_bytes(b"account,customer_uin,markup\nnobody,0,x\n")

    monkeypatch.setattr(closing, "check_terms", saved_meanwhile)
    close_only(home, terms=terms)
    assert (paths.closed_folder(home, "2026-10") / TERMS).read_bytes() == content


def test_a_restatement_is_told_as_credit_and_debit_lines(closed_home: Path) -> None:
    """What costs less than was frozen is credited, what costs more debited; the sums are those of the bill, exactly.

    An end customer's own bill has its difference and lines too, without a customer. A full build says the same.
    """
    (release_id,) = {stamp for (stamp,) in ask(closed_home, "select release_id from meta.closed_months")}
    restate(closed_home)
    put_own(closed_home, "9.25")
    publish(closed_home, 2)
    assert ask(
        closed_home,
        "select closed_cost::varchar, current_cost::varchar, difference::varchar, change_cost_since_issue::varchar, "
        "appeared_line_count_since_issue, vanished_line_count_since_issue, changed_line_count_since_issue "
        "from rpt_restatements where bill_month = '2026-10' and customer_uin = '1'",
    ) == [("13.00000000", "9.50000001", "-3.49999999", "-3.49999999", 1, 1, 2)]
    assert ask(closed_home, "select difference::varchar from rpt_restatements where is_own_bill") == [("-0.75000000",)]
    lines = "select account, customer_uin, region_name, line_type, difference::varchar, closed_release_id"
    assert sorted(ask(closed_home, f"{lines} from rpt_restatement_lines"), key=str) == [
        ("acme", "1", "Bangkok", "credit", "-8.00000000", release_id),
        ("acme", "1", "Jakarta", "debit", "5.00000000", release_id),
        ("acme", "1", "Singapore", "credit", "-0.50000000", release_id),
        ("acme", "1", "Tokyo", "debit", "0.00000001", release_id),
        ("shop", None, None, "credit", "-0.75000000", release_id),
    ]
    query = "select * from {} order by all"
    before = [ask(closed_home, query.format(table)) for table in ("rpt_restatements", "rpt_restatement_lines")]
    build_and_publish(closed_home, now=NOW, code_version="test", full=True)
    assert [ask(closed_home, query.format(table)) for table in ("rpt_restatements", "rpt_restatement_lines")] == before


def test_a_month_is_closed_once(closed_home: Path) -> None:
    """A second close is refused with what to look at, and changes nothing, with a reason neither."""
    before = {path: path.stat().st_mtime_ns for path in closed_home.rglob("*") if "locks" not in path.parts}
    for reason in (None, "Once more."):
        with pytest.raises(SettingError, match="2026-10") as refusal:
            close(closed_home, reason=reason)
        assert str(paths.closed_folder(closed_home, "2026-10") / CLOSE) in str(refusal.value)
    assert {path: path.stat().st_mtime_ns for path in closed_home.rglob("*") if "locks" not in path.parts} == before


def test_a_month_that_runs_did_not_land_or_has_no_release_cannot_be_closed(home: Path, tmp_path: Path) -> None:
    """No reason closes it; the message names the month and, where there is one, what to run."""
    for month, at, told in (
        ("2026-11", home, "2026-11 .*open"),
        ("2026-08", home, "make month MONTH=2026-08"),
        ("2026-10", tmp_path / "other", "make month MONTH=2026-10"),
    ):
        for reason in (None, "We cannot wait."):
            with pytest.raises(SettingError, match=told):
                close(at, BillMonth(month), reason)
    assert not paths.closed_root(home).exists()


def test_what_is_not_reconciled_is_named_and_needs_a_reason(home: Path) -> None:
    """Each account and customer that speaks against the close is named; a reason closes it, and is kept."""
    put(home, "bill_summary_by_product", "2026-10", {"1": Pull(sums("12")["bill_summary_by_product"])}, account="acme")
    put(home, "own_bill_detail", "2026-10", {None: Pull([own_line("9")])}, account="shop")
    put_month(home, "2026-09", {"1": [line("a", "7")]}, account="acme", month_state="provisional")
    publish(home, 1)
    with pytest.raises(SettingError) as refusal:
        close(home)
    text = str(refusal.value)
    assert tells(text, "acme, customer 1: ", "13.00000000", "12.00000000")
    assert tells(text, "acme, customer 2: ", "bill_summary_by_product")
    assert tells(text, "shop: ", "9.00000000", "10.00000000")
    assert tells(text, "make close MONTH=2026-10 REASON='...'", "--reason")
    assert not paths.closed_root(home).exists()
    with pytest.raises(SettingError, match="REASON="):
        close(home, reason="  ")
    # Figures of before the bill was out are not final, though the month is over by now; the shop was not there yet.
    with pytest.raises(SettingError) as refusal:
        close(home, BillMonth("2026-09"))
    assert tells(str(refusal.value), "acme, customer 1: ", "provisional")
    assert tells(str(refusal.value), "shop: ")
    told = close(home, reason="The provider confirmed the lines.")
    assert told.reason == "The provider confirmed the lines."
    assert len(told.overridden) == 4
    assert set(ask(home, "select account, reason, is_reconciled from meta.closed_months")) == {
        ("acme", told.reason, False),
        ("shop", told.reason, False),
    }


def test_a_release_that_is_not_of_all_that_is_landed_is_not_closed_with(home: Path) -> None:
    """What is invoiced must be what is landed: first publish, then look, then close."""
    restate(home)
    with pytest.raises(SettingError, match="make rebuild"):
        close(home)
    assert not paths.closed_root(home).exists()
    publish(home, 1)
    close_only(home)


def test_the_kept_release_is_never_pruned(closed_home: Path) -> None:
    """However many releases follow, the one a month was closed with can be opened."""
    kept = paths.closed_release(closed_home, "2026-10")
    newer = paths.current_release(closed_home).resolve()
    for number in range(release.KEPT):
        shutil.copy2(newer, newer.with_name(f"newer-{number}.duckdb"))
    restate(closed_home)
    publish(closed_home, 2)
    assert not [path for path in paths.releases_folder(closed_home).iterdir() if path.samefile(kept)]
    with duckdb.connect(str(kept), read_only=True) as connection:
        [(release_id,)] = connection.execute("select release_id from meta.release").fetchall()
    assert {release_id} == {found for (found,) in ask(closed_home, "select release_id from meta.closed_months")}


def test_a_disk_that_refuses_closes_nothing(home: Path) -> None:
    """A full or read-only disk ends in one clear failure; nothing is closed, and the next attempt carries on."""
    for code in (errno.ENOSPC, errno.EROFS):
        refused = OSError(code, os.strerror(code))
        with (
            patch.object(disk, "_sync", side_effect=refused),
            pytest.raises(StorageFailed, match=os.strerror(code)),
        ):
            close(home)
        assert list(paths.closed_root(home).iterdir()) == []
    close_only(home)


def test_a_disk_that_refuses_after_the_close_does_not_hide_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the folder is in place the message begins with that, and says that publishing is what is left."""
    synced = disk._sync

    def refused_when_closed(path: Path) -> None:
        if path == paths.closed_root(home):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        synced(path)

    with monkeypatch.context() as patched:
        patched.setattr(disk, "_sync", refused_when_closed)
        with pytest.raises(StorageFailed) as failure:
            close(home)
    assert str(failure.value).startswith("2026-10 is closed")
    assert "make rebuild" in str(failure.value)
    assert os.strerror(errno.EIO) in str(failure.value)
    publish(home, 2)
    assert ask(home, "select count(*) from dim_bill_months where closed_release_id is not null") == [(2,)]


def test_whatever_fails_after_the_close_is_told_as_ours(home: Path) -> None:
    """What is said of publishing becomes, or stays, an error of ours, which begins with what is done already.

    Where the month was closed long ago, publishing is what a killed close left, and its error is told alone.
    """
    told_as = {
        BuildFailed("A model is wrong."): BuildFailed,
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)): StorageFailed,
        duckdb.IOException("IO Error: it cannot be written"): StorageFailed,
        duckdb.OutOfMemoryException("Out of Memory Error: it does not fit"): BuildFailed,
    }
    for raised, ours in told_as.items():
        disk.remove_folder(paths.closed_folder(home, "2026-10"))
        said = str(raised)
        with patch.object(closing, "build_and_publish", side_effect=raised), pytest.raises(ours) as failure:
            close(home)
        assert str(failure.value).startswith("2026-10 is closed"), said
        assert "make rebuild" in str(failure.value)
        assert str(failure.value).endswith(said)
    again = BuildFailed("Another model is wrong.")
    with patch.object(closing, "build_and_publish", side_effect=again), pytest.raises(BuildFailed) as failure:
        close(home)
    assert str(failure.value) == "Another model is wrong."


def test_a_build_under_way_is_told_alone(home: Path, closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A close that did not begin says nothing of what is left to do, whether the month was closed long ago or not."""
    monkeypatch.setattr(closing, "BUILD_WAIT", 0.0)
    for where in (home, copy(closed, home.parent / "closed")):
        with locks.held(paths.build_lock(where), "a build"), pytest.raises(Busy) as busy:
            close(where)
        assert str(paths.build_lock(where)) in str(busy.value)
        assert "make rebuild" not in str(busy.value)


def test_a_corrupt_folder_stops_the_build_and_readers_keep_theirs(closed_home: Path) -> None:
    """What was invoiced is not taken from a file that somebody changed; put back, all is as it was."""
    current = paths.current_release(closed_home).resolve()
    costs = paths.closed_folder(closed_home, "2026-10") / COSTS
    frozen = costs.read_bytes()
    costs.chmod(0o644)
    costs.write_bytes(frozen + b" ")
    with pytest.raises(CorruptFile, match=COSTS):
        publish(closed_home, 2)
    assert paths.current_release(closed_home).resolve() == current
    costs.write_bytes(frozen)
    assert is_current(closed_home)


def run(home: Path, *words: str) -> tuple[int, str, str]:
    """Run `python -m pipelines close`; return exit code, output and errors."""
    own = {"ENDPOINT": "http://127.0.0.1:1", "ROLE": "reseller", "HOME": str(home), "NOW": NOW.isoformat()}
    keys = {"TENCENTCLOUD_SECRET_ID": "ID", "TENCENTCLOUD_SECRET_KEY": "KEY"}
    done = run_module("pipelines", "close", *words, **keys, **{f"BILL_ETL_{name}": own[name] for name in own})
    return done.returncode, done.stdout, done.stderr


def test_the_command_closes_a_month(home: Path) -> None:
    """It goes by the billing clock, and tells release, folder, and in spite of what; a wrong month ends with 2."""
    released = paths.current_release(home).resolve().stem
    code, output, errors = run(home, "2026-10")
    assert (code, errors) == (0, "")
    assert "2026-10" in output
    assert released in output
    assert str(paths.closed_folder(home, "2026-10")) in output
    assert ask(home, "select distinct closed_at from meta.closed_months") == [(NOW.astimezone(BILLING_ZONE),)]
    with patch.object(closing, "build_and_publish"):
        code, output, errors = run(home, "2026-09", "--reason", "The shop opened in October.")
    assert code == 0
    assert tells(errors, "shop: ")
    code, output, errors = run(home, "2026-13")
    assert (code, output) == (2, "")
    assert "2026-13" in errors


def test_the_command_tells_that_only_publishing_is_left(home: Path) -> None:
    """It ends with 1, as a build does, since the question was right; what is to be mended is told in the same line."""
    spill = paths.build_file(home).with_suffix(".spill")
    spill.write_text("no folder")
    code, output, errors = run(home, "2026-10")
    assert (code, output) == (1, "")
    assert errors.startswith("2026-10 is closed")
    assert tells(errors, "make rebuild", str(spill))
    assert paths.closed_folder(home, "2026-10").exists()
