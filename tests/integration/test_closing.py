"""Closing a month: what is frozen, when it is refused, what a restatement is told against, and what a kill leaves."""

from __future__ import annotations

import csv
import errno
import getpass
import json
import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from click.testing import CliRunner

import pipelines.__main__ as commands
from pipelines import locks, paths
from pipelines.errors import BuildFailed, Busy, CorruptFile, SettingError, StorageFailed
from pipelines.land.manifest import landed_files
from pipelines.model.closes import CLOSE, COSTS, TERMS, TIE_OUT, sha256
from pipelines.periods import BILLING_ZONE, BillMonth, MonthState
from pipelines.publish import build_and_publish, closing, disk, is_current
from pipelines.publish.closing import close_month
from pipelines.publish.release_stamp import stamps
from tests.lake import Pull, Row, amount, line, put, put_month, sums
from tests.unit.land.conftest import Lake
from tests.unit.land.conftest import Pull as Landing

if TYPE_CHECKING:
    from pipelines.model.closes import Close

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
MONTH = BillMonth("2026-10")
BILL = [line("a", "2"), line("b", "3", Region="Tokyo"), line("e", "8", Region="Bangkok")]
RESTATED = [line("a", "1.5"), line("b", "3.00000001", Region="Tokyo"), line("d", "5", Region="Jakarta")]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home with two closed months and the running one, published; tests get copies."""
    home = tmp_path_factory.mktemp("published")
    put_month(home, "2026-09", {"1": [line("a", "7")]}, account="acme")
    put_month(home, "2026-10", {"1": BILL, "2": [line("c", "4")]}, account="acme")
    Lake(home).land({"1": Landing(BILL), "2": Landing([line("c", "4")])}, state=MonthState.ISSUED)
    put_month(home, "2026-11", {"1": [line("a", "1")]}, account="acme", month_state="open")
    put_own(home, "10")
    publish(home)
    return home


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    """Give such a home of the test's own."""
    return shutil.copytree(published, tmp_path / "home", symlinks=True)


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


def close(home: Path, month: BillMonth = MONTH, reason: str | None = None, minutes: int = 1) -> Close:
    """Close a month."""
    return close_month(home, month, now=NOW + timedelta(minutes=minutes), code_version="test", reason=reason)


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


def test_what_was_invoiced_is_frozen(home: Path) -> None:
    """The folder holds the costs, the tie-out and who closed the month with what; the release is kept by a name."""
    released = paths.current_release(home).resolve()
    told = close(home)
    folder = paths.closed_folder(home, "2026-10")
    assert sorted(path.name for path in folder.iterdir()) == [CLOSE, COSTS, TIE_OUT]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}
    said = json.loads((folder / CLOSE).read_text())
    assert said["release_id"] == told.release_id == released.stem
    assert said["closed_at"] == (NOW + timedelta(minutes=1)).astimezone(BILLING_ZONE).isoformat()
    assert (said["closed_by"], said["reason"], said["overridden"]) == (getpass.getuser(), None, [])
    assert [(one["account"], one["is_own_bill"]) for one in said["accounts"]] == [("acme", False), ("shop", True)]
    assert said["files"] == {
        file.path: file.digest for file in landed_files(home) if file.manifest.partition_key == "2026-10"
    }
    assert said["models"]["fct_bill_lines"]
    kept = paths.closed_release(home, "2026-10")
    assert kept.samefile(released)
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


def test_the_tie_out_holds_each_bills_sums(home: Path) -> None:
    """Per account and customer: the five totals, their difference, rows and when last proven, as plain CSV."""
    close(home)
    first, _, own = tie_out(home)
    assert first["customer_uin"] == "1"
    names = ("detail_cost", "summary_cost", "by_product_cost", "by_region_cost", "by_pay_mode_cost")
    assert [first[name] for name in names] == ["13.00000000"] * 5
    assert (first["difference"], first["row_count"], first["is_reconciled"]) == ("0.00000000", "3", "true")
    assert first["proven_at"].startswith("2026-11-20 12:00:00")  # of the summaries, the oldest
    assert (own["account"], own["customer_uin"], own["bill"]) == ("shop", "", "own")
    assert (own["detail_cost"], own["by_product_cost"], own["by_project_cost"]) == ("10.00000000",) * 3
    assert (own["difference"], own["row_count"]) == ("0.00000000", "1")


def test_no_difference_is_told_of_totals_that_are_not_all_there(home: Path) -> None:
    """Where a total that is compared is missing, the tie-out says no difference, of customers and of own bills."""
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
    close(home, reason="The rest is not to be had.")
    whole, partial, own = tie_out(home)
    assert whole["difference"] == "0.00000000"
    assert (partial["detail_cost"], partial["by_product_cost"], partial["difference"]) == ("4.00000000", "", "")
    assert (own["by_product_cost"], own["by_project_cost"], own["difference"]) == ("10.00000000", "", "")


def test_no_text_of_the_tie_out_is_a_formula(home: Path) -> None:
    """A text that a spreadsheet would calculate has an apostrophe before it; what is owed to a customer is a number."""
    put_month(home, "2026-09", {"=1+1": [line("a", "-7")]}, account="acme")
    publish(home, 1)
    close(home, BillMonth("2026-09"), "The shop opened in October.")
    (row,) = tie_out(home, "2026-09")
    assert (row["customer_uin"], row["detail_cost"]) == ("'=1+1", "-7.00000000")


def test_the_terms_that_held_are_kept(home: Path, tmp_path: Path) -> None:
    """A `customers.csv` is kept to the byte; one that is wrong stops the close, before anything is written."""
    terms = tmp_path / "terms.csv"
    terms.write_bytes(b"\xef\xbb\xbfaccount,customer_uin,markup\r\nacme,1,5\r\n")
    with pytest.raises(SettingError, match=r"terms\.csv, line 2, column markup is '5'"):
        close_month(home, MONTH, now=NOW, code_version="test", terms_file=terms)
    assert not paths.closed_root(home).exists()
    terms.write_bytes(terms.read_bytes().replace(b"1,5", b"1,5%"))
    told = close_month(home, MONTH, now=NOW, code_version="test", terms_file=terms)
    kept = paths.closed_folder(home, "2026-10") / TERMS
    assert kept.read_bytes() == terms.read_bytes()
    assert told.contents[TERMS] == sha256(kept)


def test_the_terms_that_are_kept_are_their_owners_alone(home: Path, tmp_path: Path) -> None:
    """Nobody else on the machine can read the markups; everything else of the close stays readable for analysts."""
    terms = tmp_path / "terms.csv"
    terms.write_text("account,customer_uin,markup\nacme,1,5%\n")
    terms.chmod(0o600)
    close_month(home, MONTH, now=NOW, code_version="test", terms_file=terms)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in paths.closed_folder(home, "2026-10").iterdir()}
    assert modes == {TERMS: 0o400, CLOSE: 0o444, COSTS: 0o444, TIE_OUT: 0o444}
    assert stat.S_IMODE(paths.closed_release(home, "2026-10").stat().st_mode) == 0o444


def test_the_terms_that_are_kept_are_those_that_were_checked(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who saves the file while the month is closed changes nothing of the close."""
    terms, checked = tmp_path / "terms.csv", closing.refuse_unfit
    content = b"account,customer_uin,markup\nacme,1,5%\n"
    terms.write_bytes(content)

    def saved_meanwhile(*values: Any) -> None:
        checked(*values)
        terms.write_bytes(b"account,customer_uin,markup\nnobody,0,x\n")

    monkeypatch.setattr(closing, "refuse_unfit", saved_meanwhile)
    close_month(home, MONTH, now=NOW, code_version="test", terms_file=terms)
    assert (paths.closed_folder(home, "2026-10") / TERMS).read_bytes() == content


def test_the_close_is_published(home: Path) -> None:
    """The next release, made by the close itself, shows the month's frozen release; nothing differs from it."""
    told = close(home)
    assert is_current(home)
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as connection:
        assert {stamp.closed_release_id for stamp in stamps(connection, "2026-10")} == {told.release_id}
        assert {stamp.closed_release_id for stamp in stamps(connection, "2026-09")} == {None}
    frozen = "select account, closed_release_id is not null, closed_at is not null, difference::varchar"
    assert sorted(ask(home, f"{frozen} from rpt_restatements where bill_month = '2026-10'")) == [
        ("acme", True, True, "0.00000000"),
        ("acme", True, True, "0.00000000"),
        ("shop", True, True, "0.00000000"),
    ]
    assert ask(home, "from rpt_restatement_lines") == []
    assert ask(home, "select distinct bill_month, release_id, reason from meta.closed_months") == [
        ("2026-10", told.release_id, None)
    ]


def test_a_restatement_is_told_as_credit_and_debit_lines(home: Path) -> None:
    """What costs less than was frozen is credited, what costs more debited; the sums are those of the bill, exactly."""
    told = close(home)
    restate(home)
    publish(home, 2)
    assert ask(
        home,
        "select closed_cost::varchar, current_cost::varchar, difference::varchar, change_cost_since_issue::varchar, "
        "appeared_line_count_since_issue, vanished_line_count_since_issue, changed_line_count_since_issue "
        "from rpt_restatements where bill_month = '2026-10' and customer_uin = '1'",
    ) == [("13.00000000", "9.50000001", "-3.49999999", "-3.49999999", 1, 1, 2)]
    lines = "select region_name, line_type, difference::varchar, closed_release_id from rpt_restatement_lines"
    assert sorted(ask(home, lines)) == [
        ("Bangkok", "credit", "-8.00000000", told.release_id),
        ("Jakarta", "debit", "5.00000000", told.release_id),
        ("Singapore", "credit", "-0.50000000", told.release_id),
        ("Tokyo", "debit", "0.00000001", told.release_id),
    ]


def test_an_own_bill_is_frozen_and_restated_too(home: Path) -> None:
    """An end customer's own bill has its difference and lines, without a customer."""
    close(home)
    put_own(home, "9.25")
    publish(home, 2)
    lines = "select account, customer_uin, is_own_bill, line_type, difference::varchar from rpt_restatement_lines"
    assert ask(home, lines) == [("shop", None, True, "credit", "-0.75000000")]
    assert ask(home, "select difference::varchar from rpt_restatements where is_own_bill") == [("-0.75000000",)]


def test_a_month_is_closed_once(home: Path) -> None:
    """A second close is refused with what to do, and changes nothing, with a reason neither."""
    close(home)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if "locks" not in path.parts}
    for reason in (None, "Once more."):
        with pytest.raises(SettingError, match="2026-10 is already closed"):
            close(home, reason=reason)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*") if "locks" not in path.parts} == before


@pytest.mark.parametrize("reason", [None, "We cannot wait."])
def test_a_month_that_runs_cannot_be_closed(home: Path, reason: str | None) -> None:
    """No reason closes a month of which the bill is still being made."""
    with pytest.raises(SettingError, match=r"2026-11 .*cannot be closed"):
        close(home, BillMonth("2026-11"), reason)
    assert not paths.closed_root(home).exists()


def test_what_is_not_reconciled_is_named_and_needs_a_reason(home: Path) -> None:
    """Each account and customer that speaks against the close is named; a reason closes it, and is kept."""
    put(home, "bill_summary_by_product", "2026-10", {"1": Pull(sums("12")["bill_summary_by_product"])}, account="acme")
    put(home, "own_bill_detail", "2026-10", {None: Pull([own_line("9")])}, account="shop")
    publish(home, 1)
    with pytest.raises(SettingError) as refusal:
        close(home)
    text = str(refusal.value)
    assert "acme, customer 1: Bill lines sum to 13.00000000, by product to 12.00000000." in text
    assert "acme, customer 2: Not landed: bill_summary_by_product." in text
    assert "shop: Bill lines sum to 9.00000000, the summary by product to 10.00000000." in text
    assert "make close MONTH=2026-10 REASON='...'" in text
    assert not paths.closed_root(home).exists()
    with pytest.raises(SettingError, match="is not closed"):
        close(home, reason="  ")
    told = close(home, reason="The provider confirmed the lines.")
    assert told.reason == "The provider confirmed the lines."
    assert len(told.overridden) == 4
    assert set(ask(home, "select account, reason, is_reconciled from meta.closed_months")) == {
        ("acme", told.reason, False),
        ("shop", told.reason, False),
    }


def test_a_month_that_landed_before_its_bill_was_out_needs_a_reason(home: Path) -> None:
    """Figures of before the close are not final, though the month is over by now."""
    put_month(home, "2026-09", {"1": [line("a", "7")]}, account="acme", month_state="provisional")
    publish(home, 1)
    with pytest.raises(SettingError, match=r"acme, customer 1: landed while the month was provisional"):
        close(home, BillMonth("2026-09"))


def test_an_account_without_the_month_is_named(home: Path) -> None:
    """An account of the release of which nothing of the month is landed may have been forgotten."""
    with pytest.raises(SettingError, match="shop: nothing of the month"):
        close(home, BillMonth("2026-09"))
    assert close(home, BillMonth("2026-09"), "The shop opened in October.").bill_month == "2026-09"


def test_a_release_that_is_not_of_all_that_is_landed_is_not_closed_with(home: Path) -> None:
    """What is invoiced must be what is landed: first publish, then look, then close."""
    restate(home)
    with pytest.raises(SettingError, match="run make rebuild"):
        close(home)
    publish(home, 1)
    close(home)


def test_a_month_of_which_nothing_landed_cannot_be_closed(home: Path, tmp_path: Path) -> None:
    """A month that is not in the release, and a home without a release, are told with what to run."""
    with pytest.raises(SettingError, match=r"run make month MONTH=2026-08"):
        close(home, BillMonth("2026-08"), "Why not.")
    with pytest.raises(SettingError, match=r"There is no release at .* to close 2026-10 with"):
        close(tmp_path / "other")


def test_the_kept_release_is_never_pruned(home: Path) -> None:
    """However many releases follow, the one a month was closed with can be opened."""
    told = close(home)
    for number in range(7):
        restate(home, "2", [line("c", str(number))])
        publish(home, 2 + number)
    assert told.release_id not in {path.stem for path in paths.releases_folder(home).iterdir()}
    with duckdb.connect(str(paths.closed_release(home, "2026-10")), read_only=True) as connection:
        assert connection.execute("select release_id from meta.release").fetchall() == [(told.release_id,)]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_refuses_closes_nothing(home: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A full or read-only disk ends in one clear failure; nothing is closed, and the next attempt carries on."""

    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(disk, "_sync", refused)
        with pytest.raises(StorageFailed, match=os.strerror(code)):
            close(home)
    assert list(paths.closed_root(home).iterdir()) == []
    close(home)


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
    assert str(failure.value).startswith("2026-10 is closed, and only publishing is left")
    assert "make rebuild" in str(failure.value)
    assert os.strerror(errno.EIO) in str(failure.value)
    assert "What was there before stays" not in str(failure.value)
    publish(home, 2)
    assert ask(home, "select count(*) from dim_bill_months where closed_release_id is not null") == [(2,)]


def test_a_close_that_cannot_be_published_is_told_as_closed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that fails after the month was closed keeps its error, which begins with what is done already."""

    def failed(*_: object, **__: object) -> None:
        raise BuildFailed("A model is wrong.")

    with monkeypatch.context() as patched:
        patched.setattr(closing, "build_and_publish", failed)
        with pytest.raises(BuildFailed, match=r"^2026-10 is closed, .*make rebuild\. A model is wrong\.$"):
            close(home)
    assert paths.closed_folder(home, "2026-10").exists()


@pytest.mark.parametrize(
    ("raised", "told_as"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), StorageFailed),
        (duckdb.IOException("IO Error: it cannot be written"), StorageFailed),
        (duckdb.OutOfMemoryException("Out of Memory Error: it does not fit"), BuildFailed),
    ],
    ids=lambda value: getattr(value, "__name__", None) or type(value).__name__,
)
def test_whatever_fails_after_the_close_is_told_as_ours(
    home: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, told_as: type[Exception]
) -> None:
    """What DuckDB or the system says of publishing becomes an error of ours, which begins with what is done already."""

    def failed(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(closing, "build_and_publish", failed)
    with pytest.raises(told_as) as failure:
        close(home)
    assert str(failure.value).startswith("2026-10 is closed, and only publishing is left")
    assert str(failure.value).endswith(str(raised))


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_build_under_way_is_told_alone(home: Path, monkeypatch: pytest.MonkeyPatch, *, is_closed: bool) -> None:
    """A close that did not begin says nothing of what is left to do, whether the month was closed long ago or not."""
    if is_closed:
        close(home)
    monkeypatch.setattr(closing, "BUILD_WAIT", 0.0)
    with locks.held(paths.build_lock(home), "a build"), pytest.raises(Busy, match=r"^Another run "):
        close(home)


def test_an_error_of_a_month_closed_long_ago_is_told_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt publishes what a killed one left, and what fails there is not told as a close of its own."""
    close(home)

    def failed(*_: object, **__: object) -> None:
        raise BuildFailed("A model is wrong.")

    monkeypatch.setattr(closing, "build_and_publish", failed)
    with pytest.raises(BuildFailed, match=r"^A model is wrong\.$"):
        close(home)


def test_a_corrupt_folder_stops_the_build_and_readers_keep_theirs(home: Path) -> None:
    """What was invoiced is not taken from a file that somebody changed; put back, all is as it was."""
    close(home)
    current = paths.current_release(home).resolve()
    costs = paths.closed_folder(home, "2026-10") / COSTS
    frozen = costs.read_bytes()
    costs.chmod(0o644)
    costs.write_bytes(frozen + b" ")
    with pytest.raises(CorruptFile, match=r"is corrupt: its closed_costs\.parquet"):
        publish(home, 2)
    assert paths.current_release(home).resolve() == current
    costs.write_bytes(frozen)
    assert is_current(home)


def test_a_rebuild_has_the_same_restatements(home: Path) -> None:
    """A full build says of closed months what incremental ones said."""
    close(home)
    restate(home)
    publish(home, 2)
    query = "select * from {} order by all"
    before = [ask(home, query.format(table)) for table in ("rpt_restatements", "rpt_restatement_lines")]
    build_and_publish(home, now=NOW, code_version="test", full=True)
    assert [ask(home, query.format(table)) for table in ("rpt_restatements", "rpt_restatement_lines")] == before


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from pipelines.periods import BillMonth
from pipelines.publish import closing, disk

def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

owner, name = sys.argv[2].split(".")
setattr({"disk": disk, "closing": closing, "Path": Path}[owner], name, kill)
closing.close_month(
    Path(sys.argv[1]), BillMonth("2026-10"), now=datetime.fromisoformat(sys.argv[3]), code_version="test"
)
"""


@pytest.mark.parametrize("at", ["closing._write", "closing.sha256", "disk.keep", "disk._sync", "Path.rename"])
def test_a_kill_before_the_folder_is_there_closes_nothing(home: Path, at: str) -> None:
    """Wherever it is killed, the month is not closed, builds go on, and the next attempt closes it."""
    killed = subprocess.run([sys.executable, "-c", KILLED, str(home), at, NOW.isoformat()], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert is_current(home)
    assert not paths.closed_folder(home, "2026-10").exists()
    told = close(home)
    assert sorted(path.name for path in paths.closed_root(home).iterdir()) == ["2026-10"]
    assert paths.closed_release(home, "2026-10").samefile(paths.releases_folder(home) / f"{told.release_id}.duckdb")


def test_a_kill_before_the_close_is_published_is_mended(home: Path) -> None:
    """The month is closed; the next attempt says so, and publishes it."""
    command = [sys.executable, "-c", KILLED, str(home), "closing.build_and_publish", NOW.isoformat()]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -9
    assert paths.closed_folder(home, "2026-10").exists()
    assert not is_current(home)
    with pytest.raises(SettingError, match="already closed"):
        close(home)
    assert is_current(home)
    assert ask(home, "select count(*) from dim_bill_months where closed_release_id is not null") == [(2,)]


def test_the_command_tells_that_only_publishing_is_left(home: Path) -> None:
    """It ends with 1, as a build does, since the question was right; what is to be mended is told in the same line."""
    spill = paths.build_file(home).with_suffix(".spill")
    spill.write_text("no folder")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BILL_ETL", "TENCENT"))}
    own = {"ENDPOINT": "http://127.0.0.1:1", "ROLE": "reseller", "HOME": str(home), "NOW": NOW.isoformat()}
    keys = {"TENCENTCLOUD_SECRET_ID": "ID", "TENCENTCLOUD_SECRET_KEY": "KEY"}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "close", "2026-10"],
        cwd=ROOT,
        env=kept | keys | {f"BILL_ETL_{name}": value for name, value in own.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("2026-10 is closed")
    assert "make rebuild" in done.stderr
    assert str(spill) in done.stderr
    assert paths.closed_folder(home, "2026-10").exists()


def test_the_command_closes_a_month(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m pipelines close` goes by the billing clock, and tells release, folder, and in spite of what."""
    own = {"ENDPOINT": "http://127.0.0.1:1", "ROLE": "reseller", "HOME": str(home), "NOW": NOW.isoformat()}
    for name, value in own.items():
        monkeypatch.setenv(f"BILL_ETL_{name}", value)
    for name in ("ID", "KEY"):
        monkeypatch.setenv(f"TENCENTCLOUD_SECRET_{name}", name)
    monkeypatch.setattr(commands.settings, "customers_file", lambda _: None)
    answer = CliRunner().invoke(commands.main, ["close", "2026-10"])
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("2026-10 is closed with release 20261120T043000Z-")
    assert ask(home, "select distinct closed_at from meta.closed_months") == [(NOW.astimezone(BILLING_ZONE),)]
    assert str(paths.closed_folder(home, "2026-10")) in answer.output
    answer = CliRunner().invoke(commands.main, ["close", "2026-09", "--reason", "The shop opened in October."])
    assert answer.exit_code == 0, answer.output
    assert "shop: nothing of the month" in answer.output
    assert isinstance(CliRunner().invoke(commands.main, ["close", "2026-13"]).exception, SettingError)
