"""Tests of the build: what it makes again, what it leaves, and what stops it.

They build a few models only; that all of them come out the same however they are built is in tests/models.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from pipelines import paths
from pipelines.errors import BuildFailed, Busy, StorageFailed
from pipelines.land.manifest import landed_files
from pipelines.model import build as build_module
from pipelines.model import lake
from pipelines.model.project import read_project
from tests import builds
from tests.builds import STAMP, differences, part_of_project, rows
from tests.lake import Pull, line, put, put_month
from tests.shared import copy, made_once

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.model.build import Built
    from pipelines.model.project import Project

MONTHS = ("2026-08", "2026-09", "2026-10")
LINES = part_of_project("main.fct_bill_lines", "assert_every_landed_row_is_a_bill_line")
"""Bill lines, with a check."""


def run(home: Path, *, project: Project = LINES, **options: Any) -> Built:
    """Build a home's bill lines."""
    return builds.run(home, project=project, **options)


def make(home: Path) -> Built:
    """Land and build three months of two customers, one without spend, and some of their days."""
    for number, month in enumerate(MONTHS):
        bills = {
            "1": [line("a", f"{number}.5"), line("a", "-0.00000001"), line(None, "2", Region="Hong Kong")],
            "2": [],
        }
        put_month(home, month, bills)
    put(home, "customers", "2026-11-20", {None: Pull([{"CustomerUin": "1"}, {"CustomerUin": "2"}])})
    for day in ("2026-08-31", "2026-09-01", "2026-09-02", "2026-10-31"):
        put(home, "customer_bill_by_day", day, {"1": Pull([{"TotalCost": "0.5"}])})
    return run(home)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a built home with three months; nothing may write into it."""
    home, built = made_once(tmp_path_factory, "home_of_lines", make)
    assert (built.full, built.months, built.tables["main.fct_bill_lines"]) == (True, MONTHS, 9)
    return home


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    """Give a copy of the built home."""
    return copy(built, tmp_path)


@pytest.fixture
def before(built: Path) -> Path:
    """Give the built file as it is before a test changes the lake."""
    return paths.build_file(built)


def restate(home: Path) -> None:
    """Change one month: another customer, another cost."""
    put_month(home, "2026-09", {"1": [line("a", "7")], "3": [line("b", "1e-05"), line("c", "12.34", Currency="CNY")]})


def many() -> list[dict[str, str | None]]:
    """Return so many lines that the file grows by them."""
    return [line(f"{number * 7919 % 100_003}", "1") for number in range(5_000)]


def assert_as_if_made_anew(home: Path) -> None:
    """Compare the built file with one that is built from nothing."""
    assert run(home, path=home / "full.duckdb").full
    assert differences(paths.build_file(home), home / "full.duckdb") == {}


def test_nothing_changed_makes_no_month(home: Path, before: Path) -> None:
    """A second build makes no month again and ends with the same rows."""
    built = run(home)
    assert (built.full, built.months) == (False, ())
    assert differences(before, paths.build_file(home)) == {}


def test_a_build_is_planned_by_what_differs(home: Path) -> None:
    """A file that is new, another one or gone changes its month and dataset; only files that are there are verified."""
    landed = landed_files(home)
    built = {
        file.path: build_module._Input(file.digest, month, file.manifest.dataset)
        for file, month in ((file, build_module.month_of(file)) for file in landed)
    }
    digests = {file.path: file.digest for file in landed}

    def planned(built: dict[str, Any]) -> tuple[tuple[str, ...], set[str | None], set[str]]:
        plan = build_module._plan(built, landed, digests, [])
        return plan.months, set(plan.datasets), {file.path for file in plan.changed}

    def path_of(dataset: str, key: str) -> str:
        return next(
            file.path for file in landed if (file.manifest.dataset, file.manifest.partition_key) == (dataset, key)
        )

    assert planned(built) == ((), set(), set())
    gone = build_module._Input("digest", "2026-07", "bill_summary_by_region")
    assert planned(built | {"gone": gone}) == (("2026-07",), {"bill_summary_by_region"}, set())
    path = path_of("bill_summary_by_product", "2026-10")
    other = built[path]._replace(digest="other")
    assert planned(built | {path: other}) == (("2026-10",), {"bill_summary_by_product"}, {path})
    path = path_of("customer_bill_by_day", "2026-08-31")
    new = {name: source for name, source in built.items() if name != path}
    assert planned(new) == (("2026-08",), {"customer_bill_by_day"}, {path})
    path = path_of("customers", "2026-11-20")
    new = {name: source for name, source in built.items() if name != path}
    assert planned(new) == ((), {"customers"}, {path})


def test_a_month_is_made_from_all_its_days(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed day makes its whole month again, from every day of it and of no other month."""
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


def test_other_months_are_not_read_again(home: Path) -> None:
    """Cost follows the change: pages of a month that did not change may even be unreadable."""
    untouched = home / next(
        file.path for file in landed_files(home) if "detail" in file.path and "2026-08" in file.path
    )
    data = untouched.read_bytes()
    untouched.write_bytes(b"PAR1" + b"\xff" * 500 + data[504:])
    put(home, "customers", "2026-11-21", {None: Pull([{"CustomerUin": "2"}])})
    restate(home)
    assert run(home).months == ("2026-09",)


def test_what_cannot_be_carried_on_is_built_anew(home: Path) -> None:
    """Other SQL, other masks, a file that is no database or does not say what it was built from, and whoever wants it.

    Rows of older SQL are not mixed with rows of newer, and whatever became of the private file, the lake is enough.
    """
    path, project = paths.build_file(home), part_of_project("meta.files")
    assert run(home, project=project).full, "fewer models"
    other = replace(project, models=tuple(replace(model, digest="other") for model in project.models))
    assert run(home, project=other).full, "changed models"
    assert run(home, project=project).full, "models as before"
    masked = replace(STAMP, mask_secret="secret")
    assert run(home, project=project, stamp=masked).full, "masks"
    assert not run(home, project=project, stamp=masked).full, "the same masks"
    assert run(home, project=project).full, "no masks any more"
    path.write_bytes(b"not a database" * 1000)
    assert run(home, project=project).full, "no database"
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from meta.models")
    assert run(home, project=project).full, "a build that never ended"
    assert run(home, project=project, full=True).full, "asked for"
    assert not run(home, project=project).full
    assert rows(path, "select count(*) from meta.files") == [(len(landed_files(home)),)]


def test_a_file_with_broken_blocks_is_built_anew_by_the_next_build(home: Path) -> None:
    """A private file that is found broken on the way fails one build at most, and never gives wrong rows."""
    put_month(home, "2026-10", {"1": many()})
    run(home)
    path = paths.build_file(home)
    data = path.read_bytes()
    path.write_bytes(data[:12288] + bytes(len(data) - 12288))
    restate(home)
    try:
        run(home)
    except (BuildFailed, StorageFailed):
        assert run(home).full
    assert_as_if_made_anew(home)


def test_a_killed_build_leaves_what_was_there(home: Path, before: Path) -> None:
    """After a kill in the middle of the transaction the file holds the last build, and the next one carries on."""
    restate(home)
    program = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, ".")
import pipelines.model.build as module
from tests.builds import part_of_project, run
def kill(connection, which):
    os.kill(os.getpid(), signal.SIGKILL)
module._run_check = kill
run(Path(sys.argv[1]), project=part_of_project(*sys.argv[2:]))
"""
    names = ("main.fct_bill_lines", "assert_every_landed_row_is_a_bill_line")
    killed = subprocess.run([sys.executable, "-c", program, str(home), *names], check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    assert differences(before, paths.build_file(home)) == {}
    assert run(home).months == ("2026-09",)
    assert_as_if_made_anew(home)


def test_rows_that_no_landing_proved_stop_the_build(home: Path) -> None:
    """A manifest whose customers do not add up to its rows is found, customer by customer."""
    pulls = {"1": Pull([line()]), "2": Pull([line()])}
    (customer, other) = put(home, "customer_bill_detail", "2026-10", pulls).manifest.slices
    damage = {"slices": (replace(customer, rows=2), replace(other, rows=0))}
    put(home, "customer_bill_detail", "2026-10", pulls, damage=damage)
    with pytest.raises(BuildFailed, match=r"assert_every_landed_row_is_a_bill_line: 2 .*fct_bill_lines"):
        run(home)


def test_an_unreadable_landed_file_counts_as_missing(home: Path) -> None:
    """A broken page, be it in a column that no sum proves: the file is set aside, and the others are built."""
    several = [line(str(number), "1", InstanceName=f"name {number * 7919 % 10007}") for number in range(3000)]
    path = home / put(home, "customer_bill_detail", "2026-10", {"1": Pull(several)}).path
    sound = path.read_bytes()
    for start in (4, len(sound) // 2):
        path.write_bytes(sound[:start] + b"\xff" * 2000 + sound[start + 2000 :])
        run(home)
        assert not path.exists()
        assert rows(paths.build_file(home), "select path from meta.unreadable_files") == [
            (path.relative_to(home).as_posix(),)
        ]
        assert rows(paths.build_file(home), "select distinct bill_month from main.fct_bill_lines") != []
        assert rows(paths.build_file(home), "select 1 from main.fct_bill_lines where bill_month = '2026-10'") == []
        path.write_bytes(sound)
    run(home)
    assert rows(paths.build_file(home), "select count(*) from main.fct_bill_lines where bill_month = '2026-10'") == [
        (3000,)
    ]
    assert rows(paths.build_file(home), "select path from meta.unreadable_files") == []


def test_a_failing_model_is_named(home: Path) -> None:
    """An error in a model's SQL tells which model it is, and what is wrong."""
    restate(home)
    models = tuple(
        replace(model, sql=f"select * from ({model.sql}) where error('odd')")
        if model.name == "fct_bill_lines"
        else model
        for model in LINES.models
    )
    with pytest.raises(BuildFailed, match=r"main\.fct_bill_lines.*odd"):
        run(home, project=replace(LINES, models=models))


def test_a_build_file_open_elsewhere_is_busy(home: Path) -> None:
    """Someone who has the private file open is told of, and the file is not taken from under them."""
    path = paths.build_file(home)
    program = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()
        with pytest.raises(Busy, match=str(path)):
            run(home)
        other.stdin.close()
    assert not run(home).full


def test_a_disk_that_refuses_is_a_storage_failure(tmp_path: Path) -> None:
    """Where the build file cannot be made, the failure says where."""
    warehouse = paths.build_file(tmp_path).parent
    warehouse.write_text("a file, where a folder should be")
    with pytest.raises(StorageFailed, match=str(warehouse)):
        run(tmp_path)


def test_a_disk_that_fills_while_building_is_a_storage_failure(home: Path) -> None:
    """A write that the system refuses in the middle ends in StorageFailed; with room again the next build is sound."""
    path = paths.build_file(home)
    put_month(home, "2026-10", {"1": many()})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 4096, before[1]))
    try:
        with pytest.raises(StorageFailed, match=str(path)):
            run(home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    run(home)
    assert_as_if_made_anew(home)


def test_a_disk_too_full_to_spill_is_a_storage_failure(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB says then that memory is out, and what it says behind that tells why."""

    def offload(*_: object) -> None:
        told = "Out of Memory Error: failed to offload data block\nThis limit was set by 'max_temp_directory_size'."
        raise duckdb.OutOfMemoryException(told)

    monkeypatch.setattr(build_module, "_run_part", offload)
    with pytest.raises(StorageFailed, match="failed to offload"):
        run(home)


def test_months_made_a_few_at_a_time_are_the_same(home: Path, before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many months are made together changes nothing but memory and time."""
    made = []
    make_raw = lake.make_raw
    monkeypatch.setattr(lake, "make_raw", lambda *given: (made.append(len(given[2])), make_raw(*given)))
    monkeypatch.setattr(build_module, "ROWS_TOGETHER", 1)
    assert run(home, path=home / "one_by_one.duckdb").months == MONTHS
    assert len(made) == len(MONTHS) + 1
    assert differences(before, home / "one_by_one.duckdb") == {}


def test_a_published_view_is_read_under_any_name(home: Path) -> None:
    """A view finds what it reads in its own file, also where that is attached beside tables of the same names."""
    project = part_of_project("main.fct_monthly_costs")
    costs = next(model for model in project.tables if model.name == "fct_monthly_costs")
    view = replace(
        costs,
        name="rpt_costs",
        sql="select * from main.fct_monthly_costs where billed_cost > 0",
        is_view=True,
        reads=(costs.full_name,),
    )
    check = replace(
        next(check for check in read_project().checks if check.model == costs.name),
        name="assert_odd",
        sql="from main.rpt_costs",
        model=view.name,
        reads=(view.full_name,),
        warns=True,
    )
    checked = replace(project, models=(*project.models, view), checks=(check,))
    built = run(home, project=checked)
    assert view.full_name not in built.tables
    assert view.name in built.warnings["assert_odd"]
    other = shutil.copy(paths.build_file(home), home / "other.duckdb")
    with duckdb.connect() as connection:
        connection.execute("create table fct_monthly_costs as select 1 as odd")
        connection.execute(f"attach '{other}' as renamed (read_only)")
        there = connection.execute("select bill_month from renamed.rpt_costs order by all").fetchall()
        made_of = "select bill_month from renamed.fct_monthly_costs where billed_cost > 0 order by all"
        assert there == connection.execute(made_of).fetchall()
        assert there
        told = connection.execute("select comment from duckdb_views() where view_name = 'rpt_costs'").fetchall()
        assert told == [(view.comment,)]
    restate(home)
    built = run(home, project=checked)
    assert (built.full, built.months) == (False, ("2026-09",))


def test_a_text_of_a_snapshot_that_is_lost_is_published_and_told(tmp_path: Path) -> None:
    """No published figure is made of it, so bills do not wait for a format that nobody has seen yet."""
    put(tmp_path, "partner_credit", "2026-11-20", {None: Pull([{"TotalCredit": "12,5"}])})
    check = "assert_every_value_is_read"
    built = run(tmp_path, project=part_of_project("staging.stg_partner_credit", check))
    assert built.warnings.keys() == {check}
    assert "12,5" in built.warnings[check]
    assert rows(paths.build_file(tmp_path), "select dataset from meta.files") == [("partner_credit",)]
