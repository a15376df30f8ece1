"""Tests of the build: what it makes again, what it leaves, and what stops it."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from pipelines import paths
from pipelines.errors import BuildFailed, Busy, CorruptFile, StorageFailed
from pipelines.land.manifest import landed_files
from pipelines.model import build as build_module
from pipelines.model import lake
from pipelines.model.build import Built, ReleaseIdentity, build
from pipelines.model.project import SCHEMA_VERSION, Project, Scope, read_project
from tests.lake import Pull, line, put, put_month

if TYPE_CHECKING:
    from pathlib import Path

STAMP = ReleaseIdentity("release", datetime(2026, 11, 20, 4, tzinfo=UTC), "test")
MONTHS = ("2026-08", "2026-09", "2026-10")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a home with three months of two customers, one without spend, and a list of customers."""
    for number, month in enumerate(MONTHS):
        bills = {
            "1": [line("a", f"{number}.5"), line("a", "-0.00000001"), line(None, "2", Region="Hong Kong")],
            "2": [],
        }
        put_month(tmp_path, month, bills)
    put(tmp_path, "customers", "2026-11-20", {None: Pull([{"CustomerUin": "1"}, {"CustomerUin": "2"}])})
    for day in ("2026-08-31", "2026-09-01", "2026-10-31"):
        put(tmp_path, "customer_bill_by_day", day, {"1": Pull([{"TotalCost": "0.5"}])})
    return tmp_path


def run(home: Path, *, path: Path | None = None, project: Project | None = None, **options: Any) -> Built:
    """Build a home's lake into its build file, or into another."""
    landed = landed_files(home)
    return build(
        path or paths.build_file(home),
        home,
        landed,
        {file.path: file.digest for file in landed},
        project=project or read_project(),
        stamp=STAMP,
        **options,
    )


def differences(one: Path, other: Path, *, tables: list[str] | None = None) -> dict[str, list[Any]]:
    """Return, by table, rows that are in one file and not in the other, as often as they are there."""
    found = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        for table in tables or [model.full_name for model in read_project().tables]:
            first, second = f"from one.{table}", f"from other.{table}"
            query = f"({first} except all {second}) union all ({second} except all {first})"
            found[table] = connection.execute(query).fetchall()
    return {table: rows for table, rows in found.items() if rows}


def rows(path: Path, query: str) -> list[Any]:
    """Ask a built file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_a_first_build_is_full(home: Path) -> None:
    """Without a file to carry on, every month is built, and everything adds up."""
    built = run(home)
    assert (built.full, built.months) == (True, MONTHS)
    assert built.tables["main.fct_bill_lines"] == 9
    assert built.tables["main.rpt_reconciliation"] == 6
    assert (built.is_complete, built.is_reconciled) == (True, True)


def test_nothing_changed_makes_no_month(home: Path) -> None:
    """A second build makes no month again and ends with the same rows."""
    run(home)
    shutil.copy(paths.build_file(home), home / "before.duckdb")
    built = run(home)
    assert (built.full, built.months) == (False, ())
    assert differences(home / "before.duckdb", paths.build_file(home)) == {}


def restate(home: Path) -> None:
    """Change one month: another customer, another cost, a dataset that differs."""
    put_month(home, "2026-09", {"1": [line("a", "7")], "3": [line("b", "1e-05"), line("c", "12.34", Currency="CNY")]})
    put(home, "bill_summary_by_region", "2026-09", {"1": Pull([{"TotalCost": "8"}]), "3": Pull(proof="failed")})


def appear(home: Path) -> None:
    """Land a month that was not there, of another account too."""
    put_month(home, "2026-11", {"1": [line("n", "3")]}, month_state="open")
    put_month(home, "2026-11", {"9": [line("m", "4")]}, account="other")


def vanish(home: Path) -> None:
    """Take a whole month and one file of another out of the lake."""
    for file in landed_files(home):
        key = (file.manifest.dataset, file.manifest.partition_key)
        if key[1] == "2026-08" or key == ("bill_summary_by_product", "2026-10"):
            (home / file.path).unlink()


def list_again(home: Path) -> None:
    """Land a list of customers, and no month."""
    put(home, "customers", "2026-11-21", {None: Pull([{"CustomerUin": "2"}, {"CustomerUin": "4"}])})


def land_days(home: Path) -> None:
    """Land a day again, one of a month that has no other bill yet, and lose one."""
    put(home, "customer_bill_by_day", "2026-09-01", {"1": Pull([{"TotalCost": "0.6"}])})
    put(home, "customer_bill_by_day", "2026-12-01", {"1": Pull([{"TotalCost": "0.7"}])})
    next((home / "lake").rglob("bill_date=2026-10-31/data.parquet")).unlink()


def take_snapshots(home: Path) -> None:
    """Take lists of other kinds, of a new shape, which no month depends on."""
    times = {"first_seen_at": "2026-11-21T04:00:00+00:00", "last_seen_at": "2026-11-21T04:00:00+00:00"}
    sighting = {"kind": "new_field", "field": "Quota", "value": None, "first_key": "2026-11-21"} | times
    drift = paths.drift_file(home, "voucher_pool", "sandbox")
    drift.parent.mkdir(parents=True)
    drift.write_text(json.dumps({"filled": {}, "sightings": [sighting]}))
    put(home, "voucher_pool", "2026-11-21", {None: Pull([{"AgentName": "a", "TotalQuota": "1"}])})
    put(home, "credit_by_uin", "2026-11-21", {None: Pull([{"Uin": "1"}], slice_params='{"UinList":[1]}')})


@pytest.mark.parametrize(
    ("change", "months"),
    [
        (land_days, ("2026-09", "2026-10", "2026-12")),
        (take_snapshots, ()),
        (restate, ("2026-09",)),
        (appear, ("2026-11",)),
        (vanish, ("2026-08", "2026-10")),
        (list_again, ()),
    ],
)
def test_an_incremental_build_equals_a_full_one(home: Path, change: Any, months: tuple[str, ...]) -> None:
    """Making only the changed months again gives, in every table, the very rows of a build of everything."""
    run(home)
    change(home)
    built = run(home)
    assert (built.full, built.months) == (False, months)
    assert run(home, path=home / "full.duckdb").full
    assert differences(paths.build_file(home), home / "full.duckdb") == {}
    drifted = [("Quota",)] if change is take_snapshots else []
    assert rows(paths.build_file(home), "select field from meta.drift") == drifted


def test_only_what_a_change_reaches_is_made_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list makes again what tells who is a customer, and no other costs; what tells of landed files always is."""
    run(home)
    list_again(home)
    made = []
    run_model = build_module._run_model
    monkeypatch.setattr(build_module, "_run_model", lambda one, model: (made.append(model.name), run_model(one, model)))
    run(home)
    assert {"dim_customers", "rpt_month_over_month", "files", "release"} <= set(made)
    assert not {"fct_monthly_costs", "dim_products", "fct_credit"} & set(made)


def test_a_month_is_made_from_all_its_days(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed day makes its whole month again, from every day of it and of no other month."""
    put(home, "customer_bill_by_day", "2026-09-02", {"1": Pull([{"TotalCost": "2"}])})
    run(home)
    put(home, "customer_bill_by_day", "2026-09-02", {"1": Pull([{"TotalCost": "3"}])})
    read = []
    make_raw = lake.make_raw

    def seen(connection: Any, home: Path, files: Any, *rest: Any) -> None:
        read.append({file.manifest.partition_key for file in files if file.manifest.kind == "bill_date"})
        make_raw(connection, home, files, *rest)

    monkeypatch.setattr(lake, "make_raw", seen)
    assert run(home).months == ("2026-09",)
    september = {"2026-09-01", "2026-09-02"}
    assert read == [september, {"2026-08-31", "2026-10-31", *september}]


def test_every_month_model_is_told_apart_by_month(home: Path) -> None:
    """A month-local table has the column by which its months are replaced."""
    tables = [model for model in read_project().tables if model.scope is Scope.MONTH]
    assert tables
    assert all("bill_month" in {column.name for column in model.columns} for model in tables)


def test_other_months_are_not_read_again(home: Path) -> None:
    """Cost follows the change: pages of a month that did not change may even be unreadable."""
    run(home)
    untouched = home / next(
        file.path for file in landed_files(home) if "detail" in file.path and "2026-08" in file.path
    )
    data = untouched.read_bytes()
    untouched.write_bytes(b"PAR1" + b"\xff" * 500 + data[504:])
    list_again(home)
    restate(home)
    assert run(home).months == ("2026-09",)


def test_changed_sql_builds_everything(home: Path) -> None:
    """Rows made by older SQL are not mixed with rows made by newer."""
    run(home)
    project = read_project()
    changed = replace(project, models=tuple(replace(model, digest="other") for model in project.models))
    assert run(home, project=changed).full


def test_a_build_can_be_asked_to_be_full(home: Path) -> None:
    """`full` starts from nothing, and makes the same."""
    run(home)
    shutil.copy(paths.build_file(home), home / "before.duckdb")
    assert run(home, full=True).full
    assert differences(home / "before.duckdb", paths.build_file(home)) == {}


def test_a_file_that_is_no_database_is_built_anew(home: Path) -> None:
    """Whatever became of the private file, the lake is enough."""
    run(home)
    paths.build_file(home).write_bytes(b"not a database" * 1000)
    assert run(home).full


def test_a_file_with_broken_blocks_is_built_anew_by_the_next_build(home: Path) -> None:
    """A private file that is found broken on the way fails one build at most, and never gives wrong rows."""
    put_month(home, "2026-10", {"1": [line(str(number), "1") for number in range(20_000)]})
    run(home)
    path = paths.build_file(home)
    data = path.read_bytes()
    path.write_bytes(data[:12288] + bytes(len(data) - 12288))
    restate(home)
    try:
        run(home)
    except (BuildFailed, StorageFailed):
        assert run(home).full
    run(home, path=home / "full.duckdb")
    assert differences(path, home / "full.duckdb") == {}


def test_a_file_of_which_the_build_never_ended_is_built_anew(home: Path) -> None:
    """A file that does not say what it was built from is not believed."""
    run(home)
    with duckdb.connect(str(paths.build_file(home))) as connection:
        connection.execute("delete from meta.models")
    assert run(home).full


def test_a_killed_build_leaves_what_was_there(home: Path) -> None:
    """After a kill in the middle of the transaction the file holds the last build, and the next one carries on."""
    run(home)
    shutil.copy(paths.build_file(home), home / "before.duckdb")
    restate(home)
    program = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, ".")
import pipelines.model.build as module
from tests.unit.model.test_build import run
check = module._run_check
def kill(connection, which):
    check(connection, which)
    if which.name == "assert_reconciliation_has_unique_keys":
        os.kill(os.getpid(), signal.SIGKILL)
module._run_check = kill
run(Path(sys.argv[1]))
"""
    killed = subprocess.run([sys.executable, "-c", program, str(home)], check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    assert differences(home / "before.duckdb", paths.build_file(home)) == {}
    assert run(home).months == ("2026-09",)
    run(home, path=home / "full.duckdb")
    assert differences(paths.build_file(home), home / "full.duckdb") == {}


def test_a_lost_text_stops_the_build(home: Path) -> None:
    """The failure names the check, how many, the account, customer, month and text; the file keeps the last build."""
    run(home)
    shutil.copy(paths.build_file(home), home / "before.duckdb")
    put_month(home, "2026-10", {"1": [line("a", "1.123456789"), line("b", "1,000")]})
    with pytest.raises(BuildFailed) as failure:
        run(home)
    message = str(failure.value)
    assert message.startswith("assert_no_text_is_lost_or_rounded: ")
    for slice_params in (
        "account sandbox",
        "customer_uin 1",
        "bill_month 2026-10",
        "source_text 1.123456789",
        "Readers keep",
    ):
        assert slice_params in message
    assert differences(home / "before.duckdb", paths.build_file(home)) == {}


def test_rows_that_no_landing_proved_stop_the_build(home: Path) -> None:
    """A manifest whose customers do not add up to its rows is found, customer by customer."""
    file = put(home, "customer_bill_detail", "2026-10", {"1": Pull([line()]), "2": Pull([line()])})
    (customer, other) = file.manifest.slices
    put(
        home,
        "customer_bill_detail",
        "2026-10",
        {"1": Pull([line()]), "2": Pull([line()])},
        damage={"slices": (replace(customer, rows=2), replace(other, rows=0))},
    )
    with pytest.raises(BuildFailed, match="assert_every_landed_row_is_a_bill_line: 2 rows of fct_bill_lines"):
        run(home)


@pytest.mark.parametrize("at", [4, -4000])
def test_an_unreadable_landed_file_is_named(home: Path, at: int) -> None:
    """A broken page, be it in a column that no sum proves, stops the build with the file's name."""
    run(home)
    many = [line(str(number), "1", InstanceName=f"name {number * 7919 % 10007}") for number in range(3000)]
    file = put(home, "customer_bill_detail", "2026-10", {"1": Pull(many)})
    path = home / file.path
    data = bytearray(path.read_bytes())
    start = at if at > 0 else len(data) // 2
    data[start : start + 2000] = b"\xff" * 2000
    path.write_bytes(data)
    with pytest.raises(CorruptFile) as failure:
        run(home)
    assert str(path) in str(failure.value)


def test_a_failing_model_is_named(home: Path) -> None:
    """An error in a model's SQL tells which model it is, and that readers are safe."""
    project = read_project()
    models = tuple(
        replace(model, sql=model.sql.replace("select * from final", "select * from final where error('odd')"))
        if model.name == "dim_customers"
        else model
        for model in project.models
    )
    with pytest.raises(BuildFailed, match=r"main\.dim_customers.*odd.*Readers keep the last release"):
        run(home, project=replace(project, models=models))


def test_a_build_file_open_elsewhere_is_busy(home: Path) -> None:
    """Someone who has the private file open is told of, and the file is not taken from under them."""
    run(home)
    program = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(paths.build_file(home))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()
        with pytest.raises(Busy, match="Another program has"):
            run(home)
        other.stdin.close()
    assert not run(home).full


def test_a_disk_that_refuses_is_a_storage_failure(home: Path) -> None:
    """Where the build file cannot be made, the failure says where and what to do."""
    paths.build_file(home).parent.parent.joinpath("warehouse").write_text("a file, where a folder should be")
    with pytest.raises(StorageFailed, match="The disk refused the build"):
        run(home)


def test_a_disk_that_fills_while_building_is_a_storage_failure(home: Path) -> None:
    """A write that the system refuses in the middle ends in StorageFailed; with room again the next build is sound."""
    run(home)
    put_month(home, "2026-10", {"1": [line(f"{number * 7919 % 100_003}", "1") for number in range(20_000)]})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (paths.build_file(home).stat().st_size + 4096, before[1]))
    try:
        with pytest.raises(StorageFailed, match="make room"):
            run(home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    run(home)
    run(home, path=home / "full.duckdb")
    assert differences(paths.build_file(home), home / "full.duckdb") == {}


def test_a_disk_too_full_to_spill_is_a_storage_failure(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB says then that memory is out, and what it says behind that tells why."""

    def offload(*_: object) -> None:
        told = "Out of Memory Error: failed to offload data block\nThis limit was set by 'max_temp_directory_size'."
        raise duckdb.OutOfMemoryException(told)

    monkeypatch.setattr(build_module, "_run_part", offload)
    with pytest.raises(StorageFailed, match=r"failed to offload.*make room"):
        run(home)


def test_an_empty_lake_builds_empty_tables(tmp_path: Path) -> None:
    """Before anything landed there is a release of nothing, with every table."""
    built = run(tmp_path)
    assert built.tables == {model.full_name: built.tables[model.full_name] for model in read_project().tables}
    assert built.tables["main.fct_bill_lines"] == 0


def test_months_made_a_few_at_a_time_are_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many months are made together changes nothing but memory and time."""
    run(home)
    monkeypatch.setattr(build_module, "ROWS_TOGETHER", 1)
    assert run(home, path=home / "one_by_one.duckdb").months == MONTHS
    assert differences(paths.build_file(home), home / "one_by_one.duckdb") == {}


def test_a_published_view_is_read_under_any_name(home: Path) -> None:
    """A view finds what it reads in its own file, also where that is attached beside tables of the same names."""
    project = read_project()
    costs = next(model for model in project.tables if model.name == "fct_monthly_costs")
    view = replace(
        costs,
        name="rpt_costs",
        sql="select * from main.fct_monthly_costs where billed_cost > 0",
        is_view=True,
        reads=(costs.full_name,),
    )
    check = replace(
        next(check for check in project.checks if check.model == costs.name),
        name="assert_odd",
        sql="from main.rpt_costs",
        model=view.name,
        reads=(view.full_name,),
        warns=True,
    )
    checked = replace(project, models=(*project.models, view), checks=(*project.checks, check))
    built = run(home, project=checked)
    assert view.full_name not in built.tables
    assert f"rows of {view.name} break this" in built.warnings["assert_odd"]
    other = shutil.copy(paths.build_file(home), home / "other.duckdb")
    with duckdb.connect() as connection:
        connection.execute("create table fct_monthly_costs as select 1 as odd")
        connection.execute(f"attach '{other}' as renamed (read_only)")
        there = connection.execute("select bill_month from renamed.rpt_costs order by all").fetchall()
        assert (
            there
            == connection.execute(
                "select bill_month from renamed.fct_monthly_costs where billed_cost > 0 order by all"
            ).fetchall()
        )
        assert there
        told = connection.execute("select comment from duckdb_views() where view_name = 'rpt_costs'").fetchall()
        assert told == [(view.comment,)]
    restate(home)
    built = run(home, project=checked)
    assert (built.full, built.months) == (False, ("2026-09",))


def test_flags_travel(home: Path) -> None:
    """A customer that failed and a sum that differs are flagged row by row and in the release."""
    put_month(home, "2026-10", {"1": [line("a", "1")], "2": []})
    put(
        home,
        "customer_bill_detail",
        "2026-10",
        {"1": Pull([line("a", "2")]), "2": Pull(proof="failed", proven_at=None)},
    )
    built = run(home)
    assert (built.is_complete, built.is_reconciled) == (False, False)
    path = paths.build_file(home)
    found = rows(
        path,
        "select customer_uin, is_complete, is_reconciled from rpt_reconciliation where not is_reconciled order by 1",
    )
    assert found == [("1", True, False), ("2", False, False)]
    assert rows(path, "select is_complete, is_reconciled, schema_version from meta.release") == [
        (False, False, SCHEMA_VERSION)
    ]


def test_a_text_of_a_snapshot_that_is_lost_is_published_and_told(home: Path) -> None:
    """No published figure is made of it, so bills do not wait for a format that nobody has seen yet."""
    put(home, "partner_credit", "2026-11-20", {None: Pull([{"TotalCredit": "12,5"}])})
    built = run(home)
    assert set(built.warnings) == {"assert_no_snapshot_text_is_lost_or_rounded"}
    assert "12,5" in built.warnings["assert_no_snapshot_text_is_lost_or_rounded"]
    assert "published all the same" in built.warnings["assert_no_snapshot_text_is_lost_or_rounded"]
