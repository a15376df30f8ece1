"""From a landed lake to the file that analysts open: contents, comments, the swap, and every way it can go wrong."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import duckdb
import pytest

from pipelines import locks, paths
from pipelines.errors import BuildFailed, Busy, StorageFailed
from pipelines.land.manifest import landed_files
from pipelines.model.project import SCHEMA_VERSION, read_project
from pipelines.publish import Release, build_and_publish, disk, is_current, release
from tests.integration import projects
from tests.lake import Pull, _slice_state, line, put, put_month
from tests.shared import copy, shared

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
RELATIONS = """
    select schema_name || '.' || table_name as name, comment, false as is_view from duckdb_tables()
    union all
    select schema_name || '.' || view_name as name, comment, true as is_view from duckdb_views() where not internal
"""


def land(home: Path) -> None:
    """Land two months and a list of customers."""
    put_month(home, "2026-09", {"1": [line("a", "1.5"), line("b", "-0.00000001")], "2": []})
    put_month(home, "2026-10", {"1": [line("a", "2")], "2": [line("名", "3", ProjectName='a, "b"\n')]})
    put(home, "customers", "2026-11-20", {None: Pull([{"CustomerUin": "1"}, {"CustomerUin": "2"}])})


def publish(home: Path, minutes: int = 0, **options: Any) -> Release | None:
    """Build and publish, some minutes after `NOW`."""
    return build_and_publish(home, now=NOW + timedelta(minutes=minutes), code_version="test", **options)


def published(home: Path, minutes: int = 0, **options: Any) -> Release:
    """Build and publish something that must be there to publish."""
    made = publish(home, minutes, **options)
    assert made is not None
    return made


def change(home: Path, cost: str = "9") -> None:
    """Land the last month again, with another cost."""
    put_month(home, "2026-10", {"1": [line("a", cost)], "2": []})


def read(path: Path, query: str) -> list[Any]:
    """Ask a release, as a reader does."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def total(home: Path) -> str:
    """Return what the current release says that the last month costs."""
    query = "select sum(billed_cost)::varchar from fct_monthly_costs where bill_month = '2026-10'"
    return str(read(paths.current_release(home), query)[0][0])


def test_a_release_is_told_described_and_can_be_opened(tmp_path: Path) -> None:
    """The first release holds all months, says what it is, and is what the link points to.

    Readers find the marts in main and the facts about the release in meta, nothing else, and on every table and column
    what its .yml says, also after a month was made again.
    """
    land(tmp_path)
    made = published(tmp_path)
    current = paths.current_release(tmp_path)
    assert (made.full, made.months) == (True, ("2026-09", "2026-10"))
    assert (made.is_complete, made.is_reconciled) == (True, True)
    assert made.release_id.startswith("20261120T043000Z-")
    assert len(made.release_id) == len("20261120T043000Z-") + 8
    assert made.path == paths.releases_folder(tmp_path) / f"{made.release_id}.duckdb"
    assert made.path == current.resolve()
    assert made.tables["main.fct_bill_lines"] == 4
    assert made.seconds > 0
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o444
    [(*found, mask_id, unread_values, unreadable_files)] = read(current, "from meta.release")
    assert found == [made.release_id, NOW, "test", SCHEMA_VERSION, True, True, "masked"]
    assert mask_id
    assert (unread_values, unreadable_files) == (0, 0)
    assert dict(read(current, "select path, digest from meta.files")) == {
        file.path: file.digest for file in landed_files(tmp_path)
    }
    change(tmp_path)
    assert not published(tmp_path).full
    relations = {name: (comment, is_view) for name, comment, is_view in read(current, RELATIONS)}
    assert relations == {model.full_name: (model.comment, model.is_view) for model in read_project().published}
    columns = read(
        current,
        "select schema_name || '.' || table_name, column_name, comment from duckdb_columns() "
        "where database_name = current_database() and not internal",
    )
    assert {(table, column): comment for table, column, comment in columns} == {
        (model.full_name, column.name): column.comment for model in read_project().published for column in model.columns
    }
    # Other tools rely on the names and the order of these columns.
    agreed = """
        account customer_uin bill_month billing_currency month_state detail_cost summary_cost by_product_cost
        by_region_cost by_pay_mode_cost landed_rows expected_rows is_complete is_reconciled reason as_of_at is_counted
        line_source file_cost file_rows file_difference by_day_cost day_count unpaid_cost paid_cost
    """
    assert [name for name, *_ in read(current, "describe rpt_reconciliation")] == agreed.split()


def test_a_partial_month_and_a_difference_are_published_and_flagged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A customer that failed and one whose sums differ are published, flagged row by row and in meta.release."""
    monkeypatch.setattr(release, "read_project", lambda: projects.reduced("main.rpt_reconciliation"))
    land(tmp_path)
    put(
        tmp_path,
        "customer_bill_detail",
        "2026-10",
        {"1": Pull([line("a", "2")]), "2": Pull(proof="failed", proven_at=None)},
    )
    put(tmp_path, "bill_summary_by_product", "2026-10", {"1": Pull([{"TotalCost": "2.00000001"}]), "2": Pull()})
    made = published(tmp_path)
    assert (made.is_complete, made.is_reconciled) == (False, False)
    rows = read(
        paths.current_release(tmp_path),
        "select customer_uin, is_complete, is_reconciled, reason is null from rpt_reconciliation "
        "where bill_month = '2026-10' order by customer_uin",
    )
    assert rows == [("1", True, False, False), ("2", False, False, False)]
    assert read(paths.current_release(tmp_path), "select is_complete, is_reconciled from meta.release") == [
        (False, False)
    ]


def test_a_structural_fault_keeps_the_old_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are not what landed stop publication, by name of check, customer and month, until they are mended."""
    check = "assert_every_landed_row_is_a_bill_line"
    monkeypatch.setattr(release, "read_project", lambda: projects.reduced("main.fct_monthly_costs", checks=(check,)))
    land(tmp_path)
    published(tmp_path)
    two = _slice_state("customer_bill_detail", "1", Pull([line("a", "1"), line("b", "1")]))
    put(tmp_path, "customer_bill_detail", "2026-10", {"1": Pull([line("a", "1")])}, damage={"slices": (two,)})
    with pytest.raises(BuildFailed, match=rf"{check}.*customer_uin 1, bill_month 2026-10"):
        publish(tmp_path, 1)
    assert total(tmp_path) == "5.00000000"
    change(tmp_path, "1.12345678")
    published(tmp_path, 2)
    assert total(tmp_path) == "1.12345678"


def test_a_lake_without_anything_is_current(tmp_path: Path, costs_only: None) -> None:
    """Where nothing landed, nothing is missing; a release of it can be made all the same, once."""
    assert is_current(tmp_path)
    assert published(tmp_path).tables["main.fct_bill_lines"] == 0
    assert is_current(tmp_path)
    assert publish(tmp_path) is None


def assert_equal_contents(one: Path, other: Path) -> None:
    """Compare two releases row by row, but for their name and time."""
    named = {"meta.release": "exclude (release_id, built_at)"}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        for model in read_project().published:
            here, there = (
                f"select * {named.get(model.full_name, '')} from {side}.{model.full_name}" for side in ("one", "other")
            )
            query = f"({here} except all {there}) union all ({there} except all {here}) limit 3"
            assert connection.execute(query).fetchall() == [], model.full_name


@pytest.fixture
def costs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build costs only, in a fifth of the time: what follows is about what surrounds a build."""
    monkeypatch.setattr(release, "read_project", projects.costs_only)


@pytest.fixture
def home(tmp_path: Path, costs_only: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home of the test's own with a release of two months."""

    def make(folder: Path) -> None:
        land(folder)
        with patch.object(release, "read_project", projects.costs_only):
            published(folder)

    return copy(shared(tmp_path_factory, "costs", make), tmp_path / "home")


def test_nothing_to_do_publishes_nothing(home: Path) -> None:
    """While lake and SQL are those of the current release, a build leaves at once, unless it is asked to be full.

    With a clock that stands still, the same contents get another name: the old file may be open.
    """
    assert is_current(home)
    current = paths.current_release(home).resolve()
    assert publish(home, 1) is None
    assert paths.current_release(home).resolve() == current
    again = [published(home, full=True) for _ in range(2)]
    assert all(made.full for made in again)
    assert len({current.stem, *(made.release_id for made in again)}) == 3


def test_a_change_is_published_and_old_readers_keep_theirs(home: Path) -> None:
    """The link shows the new release at once; who has the old one open goes on reading it."""
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as reader:
        change(home)
        assert not is_current(home)
        made = published(home, 1)
        assert (made.full, made.months) == (False, ("2026-10",))
        assert is_current(home)
        assert reader.execute("select count(*) from fct_bill_lines").fetchall() == [(4,)]
    assert total(home) == "9.00000000"


def test_changed_sql_is_published(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New SQL over the same lake is something to do."""
    project = projects.costs_only()
    changed = replace(project, models=tuple(replace(model, digest="other") for model in project.models))
    monkeypatch.setattr(release, "read_project", lambda: changed)
    assert not is_current(home)
    assert published(home, 1).full
    assert publish(home, 2) is None


def test_five_releases_are_kept(home: Path) -> None:
    """Old releases go, with what a session left beside them; the newest five stay, and one that is linked elsewhere."""
    first = paths.current_release(home).resolve()
    first.with_name(f"{first.name}.wal").touch()
    kept = home / "warehouse" / "closed" / "2026-09" / "kept.duckdb"
    kept.parent.mkdir(parents=True)
    kept.hardlink_to(first)
    others = [first.with_name(f"release-{number}.duckdb") for number in range(5)]
    for age, path in enumerate([*reversed(others), first], start=1):
        if path != first:
            shutil.copyfile(first, path)
        os.utime(path, (path.stat().st_atime - 60 * age,) * 2)
    change(home)
    made = published(home, 1)
    left = sorted(path.name for path in paths.releases_folder(home).iterdir())
    assert left == sorted(path.name for path in (*others[1:], made.path))
    assert paths.current_release(home).resolve() == made.path
    assert read(kept, "select release_id from meta.release") == [(first.stem,)]


WRITER = """
import duckdb, os, signal, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("set checkpoint_threshold = '1GB'")
connection.execute("delete from fct_bill_lines")
connection.execute("begin; delete from fct_monthly_costs")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_stale_log_of_a_killed_writer_does_not_reach_the_next_release(home: Path) -> None:
    """A writer of a release is killed, which leaves a .wal; readers of the next release see that release."""
    paths.current_release(home).resolve().chmod(0o644)
    killed = subprocess.run([sys.executable, "-c", WRITER, str(paths.current_release(home))], check=False)
    assert killed.returncode == -9
    logs = list(paths.current_release(home).parent.rglob("*.wal"))
    assert logs, "the writer left no log, so this test would show nothing"
    # Older versions keep the log beside the link itself.
    paths.current_release(home).with_name("billing.duckdb.wal").write_bytes(logs[0].read_bytes())
    change(home)
    published(home, 1)
    assert total(home) == "9.00000000"
    assert read(paths.current_release(home), "select count(*) from fct_bill_lines") == [(3,)]


def test_a_disk_that_refuses_the_copy_keeps_the_old_release(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full or read-only disk ends in one clear failure; readers keep the old release, and the next run carries on."""
    first = paths.current_release(home).resolve()
    change(home)
    for code in (errno.ENOSPC, errno.EROFS):

        def refuse(source: Path, target: Path, code: int = code) -> None:
            target.write_bytes(b"half")
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as broken:
            broken.setattr(disk, "_copy", refuse)
            with pytest.raises(StorageFailed, match=os.strerror(code)):
                publish(home, 1)
        assert total(home) == "5.00000000"
        assert list(paths.releases_folder(home).iterdir()) == [first]
        assert not is_current(home)
    assert published(home, 2).months == ()
    assert total(home) == "9.00000000"


def test_an_unreadable_landed_file_counts_as_missing_once(home: Path) -> None:
    """A landed file that lost its end is set aside and named, in one build; put back, it is built again."""
    file = next(file.path for file in landed_files(home) if "2026-10" in file.path)
    data = (home / file).read_bytes()
    (home / file).write_bytes(data[:-100])
    assert not is_current(home)
    published(home, 1)
    assert read(paths.current_release(home), "select path from meta.unreadable_files") == [(file,)]
    assert is_current(home)
    (home / file).write_bytes(data)
    assert not is_current(home)
    published(home, 2)
    assert read(paths.current_release(home), "select path from meta.unreadable_files") == []
    assert total(home) == "5.00000000"


def test_two_builds_at_once_make_one_release(home: Path) -> None:
    """Who comes second waits, finds equal lists and leaves."""
    change(home)
    made: list[Release | None] = []
    threads = [threading.Thread(target=lambda: made.append(publish(home))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one is None for one in made) == [False, True]


def test_a_build_that_does_not_end_is_not_waited_for_for_ever(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that waited long enough says who holds what."""
    monkeypatch.setattr(release, "BUILD_WAIT", 0.0)
    with locks.held(paths.build_lock(home), "something"), pytest.raises(Busy, match=f"{os.getpid()}.*{home}"):
        publish(home)
