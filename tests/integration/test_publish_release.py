"""From a landed lake to the file that analysts open: contents, comments, the swap, and every way it can go wrong."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import locks, paths
from pipelines.errors import BuildFailed, Busy, CorruptFile, StorageFailed
from pipelines.land.manifest import landed_files
from pipelines.model.project import SCHEMA_VERSION, read_project
from pipelines.publish import Release, build_and_publish, disk, is_current, release
from tests.lake import Pull, line, put, put_month

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
RELATIONS = """
    select schema_name || '.' || table_name as name, comment, false as is_view from duckdb_tables()
    union all
    select schema_name || '.' || view_name as name, comment, true as is_view from duckdb_views() where not internal
"""
OLD_DUCKDB = ROOT / ".venv" / "peers" / "duckdb-1.4"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a home with two months and a list of customers."""
    put_month(tmp_path, "2026-09", {"1": [line("a", "1.5"), line("b", "-0.00000001")], "2": []})
    put_month(tmp_path, "2026-10", {"1": [line("a", "2")], "2": [line("名", "3", ProjectName='a, "b"\n')]})
    put(tmp_path, "customers", "2026-11-20", {None: Pull([{"CustomerUin": "1"}, {"CustomerUin": "2"}])})
    return tmp_path


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


def test_a_release_is_told_and_can_be_opened(home: Path) -> None:
    """The first release holds all months, says what it is, and is what the link points to."""
    made = published(home)
    assert (made.full, made.months) == (True, ("2026-09", "2026-10"))
    assert (made.is_complete, made.is_reconciled) == (True, True)
    assert made.release_id.startswith("20261120T043000Z-")
    assert len(made.release_id) == len("20261120T043000Z-") + 8
    assert made.path == paths.releases_folder(home) / f"{made.release_id}.duckdb"
    assert made.path == paths.current_release(home).resolve()
    assert made.tables["main.fct_bill_lines"] == 4
    assert made.seconds > 0
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o444
    [(*found, mask_id)] = read(paths.current_release(home), "from meta.release")
    assert found == [made.release_id, NOW, "test", SCHEMA_VERSION, True, True, "masked"]
    assert mask_id
    assert dict(read(paths.current_release(home), "select path, digest from meta.files")) == {
        file.path: file.digest for file in landed_files(home)
    }


def test_the_reconciliation_has_the_agreed_columns(home: Path) -> None:
    """Other tools rely on the names and the order of these columns."""
    published(home)
    assert [row[0] for row in read(paths.current_release(home), "describe rpt_reconciliation")] == [
        "account",
        "customer_uin",
        "bill_month",
        "billing_currency",
        "month_state",
        "detail_cost",
        "summary_cost",
        "by_product_cost",
        "by_region_cost",
        "by_pay_mode_cost",
        "landed_rows",
        "expected_rows",
        "is_complete",
        "is_reconciled",
        "reason",
        "as_of_at",
        "is_counted",
        "line_source",
        "file_cost",
        "file_rows",
        "file_difference",
        "by_day_cost",
        "day_count",
        "unpaid_cost",
        "paid_cost",
    ]


def test_only_published_schemas_are_there(home: Path) -> None:
    """Readers find the marts in main and the facts about the release in meta, and nothing else."""
    published(home)
    tables = read(paths.current_release(home), f"select name from ({RELATIONS}) where not is_view")
    views = read(paths.current_release(home), f"select name from ({RELATIONS}) where is_view")
    assert {name for (name,) in tables} == {model.full_name for model in read_project().published if not model.is_view}
    assert {name for (name,) in views} == {model.full_name for model in read_project().published if model.is_view}


def test_every_table_and_column_has_its_comment(home: Path) -> None:
    """What the .yml says of a table or column is what its reader finds, also after a month was made again."""
    published(home)
    change(home)
    assert not published(home).full
    current = paths.current_release(home)
    tables = dict(read(current, f"select name, comment from ({RELATIONS})"))
    columns = {
        (table, column): comment
        for table, column, comment in read(
            current,
            "select schema_name || '.' || table_name, column_name, comment from duckdb_columns() "
            "where database_name = current_database() and not internal",
        )
    }
    for model in read_project().published:
        assert tables[model.full_name] == model.comment
        for column in model.columns:
            assert columns.pop((model.full_name, column.name)) == column.comment
    assert columns == {}


def test_nothing_to_do_publishes_nothing(home: Path) -> None:
    """While lake and SQL are those of the current release, a build leaves at once, unless it is asked to be full."""
    assert not is_current(home)
    made = published(home)
    assert is_current(home)
    assert publish(home, 1) is None
    assert paths.current_release(home).resolve() == made.path
    again = published(home, 1, full=True)
    assert again.full
    assert again.release_id != made.release_id


def test_a_new_release_never_takes_the_name_of_one_that_is_there(home: Path) -> None:
    """With a clock that stands still, the same contents get another name: the old file may be open."""
    names = {published(home, full=True).release_id for _ in range(3)}
    assert len(names) == 3


def test_a_change_is_published_and_old_readers_keep_theirs(home: Path) -> None:
    """The link shows the new release at once; who has the old one open goes on reading it."""
    published(home)
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as reader:
        change(home)
        assert not is_current(home)
        made = published(home, 1)
        assert (made.full, made.months) == (False, ("2026-10",))
        assert is_current(home)
        assert reader.execute("select count(*) from fct_bill_lines").fetchall() == [(4,)]
    assert total(home) == "9.00000000"


def test_a_lake_without_anything_is_current(tmp_path: Path) -> None:
    """Where nothing landed, nothing is missing; a release of it can be made all the same, once."""
    assert is_current(tmp_path)
    assert published(tmp_path).tables["main.rpt_reconciliation"] == 0
    assert is_current(tmp_path)
    assert publish(tmp_path) is None


def test_changed_sql_is_published(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New SQL over the same lake is something to do."""
    published(home)
    project = read_project()
    changed = replace(project, models=tuple(replace(model, digest="other") for model in project.models))
    monkeypatch.setattr(release, "read_project", lambda: changed)
    assert published(home, 1).full
    assert publish(home, 2) is None


def test_five_releases_are_kept(home: Path) -> None:
    """Old releases go, with what a session left beside them; the newest five stay, and one that is linked elsewhere."""
    made = []
    kept = home / "warehouse" / "closed" / "2026-09" / "kept.duckdb"
    kept.parent.mkdir(parents=True)
    for number in range(7):
        change(home, str(number))
        made.append(published(home, number))
        if number == 0:
            made[0].path.with_name(f"{made[0].path.name}.wal").touch()
            kept.hardlink_to(made[0].path)
    left = sorted(path.name for path in paths.releases_folder(home).iterdir())
    assert left == sorted(one.path.name for one in made[-5:])
    assert paths.current_release(home).resolve() == made[-1].path
    assert read(kept, "select release_id from meta.release") == [(made[0].release_id,)]


def test_a_rebuild_from_the_lake_has_equal_contents(home: Path) -> None:
    """A home that lost its warehouse gets the same tables back from the lake alone; so does a full rebuild."""
    published(home)
    change(home)
    first = published(home, 1)
    old = home / "old.duckdb"
    old.write_bytes(first.path.read_bytes())
    for path in (paths.build_file(home), paths.current_release(home), *paths.releases_folder(home).iterdir()):
        path.unlink()
    assert published(home, 2).full
    assert_equal_contents(old, paths.current_release(home))
    assert published(home, 3, full=True).full
    assert_equal_contents(old, paths.current_release(home))


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
    made = published(home)
    made.path.chmod(0o644)
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


OLD_READER = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
found = {"version": duckdb.__version__}
for name, query in json.loads(sys.argv[2]).items():
    found[name] = [[str(value) for value in row] for row in connection.execute(query).fetchall()]
print(json.dumps(found))
"""


def test_a_release_can_be_opened_by_an_older_duckdb(home: Path) -> None:
    """DuckDB 1.4, as analysts have it, reads every table and view, all comments and exact sums of a release."""
    assert OLD_DUCKDB.is_dir(), (
        f"DuckDB 1.4 is not in {OLD_DUCKDB}. `make setup` puts it there, from tests/integration/duckdb-1.4.lock."
    )
    published(home)
    change(home, "1234567890123.12345678")
    published(home, 1)
    queries = {
        model.full_name: f"select columns(*)::varchar from {model.full_name}" for model in read_project().published
    }
    queries |= {
        "sum": "select sum(billed_cost)::varchar from fct_bill_lines where bill_month = '2026-10'",
        "relations": f"select name, comment from ({RELATIONS})",
        "columns": "select table_name, column_name, comment from duckdb_columns() where not internal",
    }
    environment = {"PYTHONPATH": str(OLD_DUCKDB), "PATH": os.environ["PATH"]}
    answer = subprocess.run(
        [sys.executable, "-c", OLD_READER, str(paths.current_release(home)), json.dumps(queries)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    theirs = json.loads(answer.stdout)
    assert theirs.pop("version").startswith("1.4.")
    assert theirs["sum"] == [["1234567890123.12345678"]]
    for name, query in queries.items():
        ours = [[str(value) for value in row] for row in read(paths.current_release(home), query)]
        assert sorted(theirs[name]) == sorted(ours), name


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_refuses_the_copy_keeps_the_old_release(
    home: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A full or read-only disk ends in one clear failure; readers keep the old release, and the next run carries on."""
    first = published(home)
    change(home)

    def refuse(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(disk, "_copy", refuse)
        with pytest.raises(StorageFailed, match=os.strerror(code)) as failure:
            publish(home, 1)
    assert "What was there before stays" in str(failure.value)
    assert total(home) == "5.00000000"
    assert [path.name for path in paths.releases_folder(home).iterdir()] == [first.path.name]
    assert not is_current(home)
    assert published(home, 2).months == ()
    assert total(home) == "9.00000000"


def test_a_structural_fault_keeps_the_old_release(home: Path) -> None:
    """A value that a cast would round stops publication, by name of check, customer and month, until it is mended."""
    published(home)
    change(home, "1.123456789")
    with pytest.raises(BuildFailed, match=r"assert_no_text_is_lost_or_rounded.*customer_uin 1, bill_month 2026-10"):
        publish(home, 1)
    assert total(home) == "5.00000000"
    change(home, "1.12345678")
    published(home, 2)
    assert total(home) == "1.12345678"


def test_an_unreadable_landed_file_keeps_the_old_release(home: Path) -> None:
    """A landed file that lost its end is named; readers keep the old release."""
    published(home)
    path = home / next(file.path for file in landed_files(home) if "2026-10" in file.path)
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    with pytest.raises(CorruptFile) as failure:
        publish(home, 1)
    assert str(path) in str(failure.value)
    with pytest.raises(CorruptFile):
        is_current(home)
    assert total(home) == "5.00000000"
    path.write_bytes(data)
    assert publish(home, 2) is None


def test_a_partial_month_and_a_difference_are_published_and_flagged(home: Path) -> None:
    """A customer that failed and one whose sums differ are published, flagged row by row and in meta.release."""
    put(
        home,
        "customer_bill_detail",
        "2026-10",
        {"1": Pull([line("a", "2")]), "2": Pull(proof="failed", proven_at=None)},
    )
    put(home, "bill_summary_by_product", "2026-10", {"1": Pull([{"TotalCost": "2.00000001"}]), "2": Pull()})
    made = published(home)
    assert (made.is_complete, made.is_reconciled) == (False, False)
    rows = read(
        paths.current_release(home),
        "select customer_uin, is_complete, is_reconciled, reason is null from rpt_reconciliation "
        "where bill_month = '2026-10' order by customer_uin",
    )
    assert rows == [("1", True, False, False), ("2", False, False, False)]
    assert read(paths.current_release(home), "select is_complete, is_reconciled from meta.release") == [(False, False)]


KILLED = """
import os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from pipelines.model import build
from pipelines.publish import build_and_publish, disk, release

def killing(module, name, before):
    call = getattr(module, name)
    def killed(*arguments, **options):
        if not before:
            call(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(module, name, killed)

module, name, when = sys.argv[2].split(" ")
killing({"build": build, "disk": disk, "release": release}[module], name, when == "before")
build_and_publish(Path(sys.argv[1]), now=datetime(2026, 11, 20, 5, tzinfo=UTC), code_version="test")
"""


@pytest.mark.parametrize(
    "moment",
    [
        "build _run_model before",
        "build _describe before",
        "release build after",
        "disk _copy after",
        "disk copy_into_place after",
        "disk point before",
        "disk point after",
        "release _prune before",
    ],
)
def test_a_kill_at_any_moment_is_made_good_by_the_next_run(home: Path, moment: str) -> None:
    """After a kill readers see the old release or the new one; after the next run it is that of an unbroken one."""
    published(home)
    change(home)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), moment, str(ROOT)], check=False, capture_output=True, text=True
    )
    assert killed.returncode == -9, killed.stderr
    assert total(home) == ("9.00000000" if moment in {"disk point after", "release _prune before"} else "5.00000000")
    publish(home, 1)
    assert is_current(home)
    survivor = home / "survivor.duckdb"
    survivor.write_bytes(paths.current_release(home).read_bytes())
    published(home, 2, full=True)
    assert_equal_contents(survivor, paths.current_release(home))
    assert [path for path in paths.releases_folder(home).iterdir() if path.name.startswith(".")] == []


def test_two_builds_at_once_make_one_release(home: Path) -> None:
    """Who comes second waits, finds equal lists and leaves."""
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
    with locks.held(paths.build_lock(home), "something"), pytest.raises(Busy, match="the build of"):
        publish(home)
