"""A job killed at any commit point: readers see a whole release, and a rerun ends where an unkilled job ends."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import duckdb
import pyarrow.parquet as pq
import pytest

from pipelines import paths
from pipelines.endpoints import DATASETS
from pipelines.errors import SettingError
from pipelines.land import landed_files
from pipelines.periods import BillMonth
from pipelines.publish import build_and_publish, closing, is_current, release
from pipelines.publish.closing import close_month
from tests.integration import job, projects
from tests.integration.conftest import served
from tests.integration.job import BILLS, Jobs
from tests.lake import line, put_month
from tests.shared import copy, shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.sandbox import Sandbox

MONTH = "2026-10"
NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
KILLED = -signal.SIGKILL
PER_RUN = ("_request_id", "_fetched_at", "_old_requested_at", "_new_requested_at")
"""Lineage that tells of the asking, not of the bill."""


@pytest.fixture(scope="module")
def jobs() -> Iterator[Jobs]:
    """Give what runs jobs."""
    with Jobs() as running:
        yield running


@pytest.fixture(scope="module")
def restated() -> Iterator[Sandbox]:
    """Serve a month that was restated since it landed first."""
    with served() as sandbox:
        restate(sandbox)
        yield sandbox


def restate(sandbox: Sandbox) -> None:
    """Restate the month of all customers."""
    for customer in sandbox.world.customer_uins:
        sandbox.restate(customer, MONTH)


@pytest.fixture(scope="module")
def stages(jobs: Jobs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give a home that landed and published the month before it was restated, and one that did so then too."""

    def make(folder: Path) -> None:
        first, unkilled = folder / "first", folder / "unkilled"
        with served() as sandbox:
            assert jobs.run(job.land_and_publish, first, sandbox.url, MONTH, NOW) == 0
            restate(sandbox)
            copy(first, unkilled)
            assert jobs.run(job.land_and_publish, unkilled, sandbox.url, MONTH, NOW) == 0

    folder = shared(tmp_path_factory, "to-kill", make)
    return folder / "first", folder / "unkilled"


@pytest.fixture(scope="module")
def to_close(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a published home with a month to close; tests get copies."""

    def make(home: Path) -> None:
        put_month(home, MONTH, {"1": [line("a", "2")]})
        with patch.object(release, "read_project", projects.of_closing):
            assert build_and_publish(home, now=NOW, code_version="test")

    return shared(tmp_path_factory, "close-to-kill", make)


def lake(home: Path) -> dict[str, Any]:
    """What is landed, without what tells only of the asking: rows, and each customer's proof; and the valid changes."""
    found: dict[str, Any] = {}
    for file in landed_files(home):
        found[file.path] = rows([home / file.path])
        found[f"{file.path} customers"] = [(c.customer_uin, c.rows, c.cost, c.proof) for c in file.manifest.slices]
        manifest = file.manifest
        folder = paths.changes_folder(home, manifest.dataset, manifest.account, manifest.kind, manifest.partition_key)
        found[f"{file.path} changes"] = rows([folder / name for name in manifest.changes])
    return found


def rows(files: list[Path]) -> Counter[str]:
    """The rows of Parquet files as a multiset."""
    tables = [pq.ParquetFile(file).read() for file in files]
    kept = [table.select([name for name in table.column_names if name not in PER_RUN]) for table in tables]
    return Counter(repr(row) for table in kept for row in table.to_pylist())


def published(home: Path) -> dict[str, Any]:
    """What readers find in every table, without the times of the asking and of the build."""
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'main'").fetchall()
        found = {}
        for (table,) in tables:
            columns = [name for name, *_ in connection.execute(f"describe {table}").fetchall()]
            kept = ", ".join(name for name in columns if not name.endswith("_at") and name != "request_id")
            found[table] = Counter(connection.execute(f"select {kept} from {table}").fetchall())
        return found


def test_a_killed_landing_is_made_good_by_the_next(
    jobs: Jobs, restated: Sandbox, stages: tuple[Path, Path], tmp_path: Path
) -> None:
    """Whatever was being written, the lake ends as if nothing had been killed, and no ledger is left."""
    first, unkilled = stages
    points = {
        "a page is stored": (1, 7),
        "a listing is confirmed": (1,),
        "a file is written aside": (1,),
        "its changes are logged": (1,),
        "a file is about to be replaced": (1,),
        "a file is replaced": (1, 5),
        "a ledger is removed": (1,),
    }
    expected, wrong = lake(unkilled), []
    for point, nth in [(point, nth) for point, passes in points.items() for nth in passes]:
        home = tmp_path / f"{point} {nth}"
        shutil.copytree(paths.lake(first), paths.lake(home))
        assert jobs.run(job.land, home, restated.url, MONTH, point=point, nth=nth) == KILLED, f"{point} is reached"
        if jobs.run(job.land, home, restated.url, MONTH) or lake(home) != expected:
            wrong.append((point, nth))
        if list(paths.state(home).rglob("*.sqlite*")):
            wrong.append((point, nth, "ledger"))
    assert wrong == []


def test_a_job_killed_while_landing_leaves_readers_the_release_and_its_rerun_ends_as_an_unkilled_one(
    jobs: Jobs, restated: Sandbox, stages: tuple[Path, Path], tmp_path: Path
) -> None:
    """The restated month differs from the first landing, in the lake, its changes and the release; so a rerun shows."""
    first, unkilled = stages
    detail = next(path for path in lake(first) if "customer_bill_detail" in path and path.endswith(".parquet"))
    assert lake(first)[detail] != lake(unkilled)[detail]
    assert lake(unkilled)[f"{detail} changes"]
    assert published(first) != published(unkilled)
    home = copy(first, tmp_path / "home")
    whole = (home, restated.url, MONTH, NOW)
    assert jobs.run(job.land_and_publish, *whole, point="a file is replaced", nth=5) == KILLED
    assert published(home) == published(first)
    assert jobs.run(job.land_and_publish, *whole) == 0
    assert lake(home) == lake(unkilled)
    assert published(home) == published(unkilled)


def test_a_rerun_asks_nothing_that_the_killed_run_had_landed(jobs: Jobs, tmp_path: Path) -> None:
    """Killed with three of five datasets landed: the rerun asks the other two, and of them only what was not kept."""
    home = tmp_path / "home"
    with served() as sandbox:
        arguments = (home, sandbox.url, MONTH)
        # The ledgers of the list and of three datasets are gone then.
        assert jobs.run(job.land, *arguments, point="a ledger is removed", nth=4) == KILLED
        landed = {DATASETS[file.manifest.dataset].action.name for file in landed_files(home)}
        killed = len(sandbox.requests())
        assert jobs.run(job.land, *arguments) == 0
        again = [request.action for request in sandbox.requests()[killed:]]
        whole = {request.action for request in sandbox.requests()}
    assert len(landed) >= 4
    assert not landed & set(again)
    assert whole == {dataset.action.name for dataset in (DATASETS["customers"], *BILLS)}


def test_a_killed_build_is_made_good_by_the_next(jobs: Jobs, tmp_path: Path) -> None:
    """After a kill readers see the old release or the new one; after the next build what an unkilled one publishes."""
    points = {
        "a model is about to be made": (1,),
        "a model is made": (1, 4),
        "the build is about to be described": (1,),
        "the build is committed": (1,),
        "the release is copied aside": (1,),
        "the release is copied": (1,),
        "the release is about to be published": (1,),
        "the release is published": (1,),
        "old releases are about to be removed": (1,),
    }
    first = tmp_path / "first"
    put_month(first, "2026-09", {"1": [line("a", "1.5"), line("b", "-0.00000001")]})
    put_month(first, MONTH, {"1": [line("a", "2")], "2": [line("b", "3")]})
    assert jobs.run(job.publish, first, NOW) == 0
    before = published(first)
    put_month(first, MONTH, {"1": [line("a", "9")], "2": []})
    unkilled = copy(first, tmp_path / "unkilled")
    assert jobs.run(job.publish, unkilled, NOW) == 0
    after, wrong = published(unkilled), []
    assert before != after
    for point, nth in [(point, nth) for point, passes in points.items() for nth in passes]:
        home = copy(first, tmp_path / f"{point} {nth}")
        assert jobs.run(job.publish, home, NOW, point=point, nth=nth) == KILLED, f"{point} is reached"
        swapped = point in {"the release is published", "old releases are about to be removed"}
        if published(home) != (after if swapped else before):
            wrong.append((point, nth, "readers"))
        if jobs.run(job.publish, home, NOW) or published(home) != after:
            wrong.append((point, nth, "rerun"))
        if [path for path in paths.releases_folder(home).iterdir() if path.name.startswith(".")]:
            wrong.append((point, nth, "left aside"))
        shutil.rmtree(home)
    assert wrong == []


def test_a_close_killed_before_its_folder_is_there_closes_nothing(
    jobs: Jobs, tmp_path: Path, to_close: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is killed, the month is not closed, builds go on, and the next attempt closes it."""
    monkeypatch.setattr(release, "read_project", projects.of_closing)
    for point in (
        "what was invoiced is about to be written",
        "it is about to be digested",
        "the release is about to be kept",
        "a file of the folder is about to be synced",
        "the folder is about to be in place",
    ):
        home = copy(to_close, tmp_path / point)
        assert jobs.run(job.close, home, MONTH, NOW, point=point) == KILLED, point
        assert is_current(home), point
        assert not paths.closed_folder(home, MONTH).exists(), point
        with patch.object(closing, "build_and_publish"):
            told = close_month(home, BillMonth(MONTH), now=NOW, code_version="test")
        assert [path.name for path in paths.closed_root(home).iterdir()] == [MONTH], point
        released = paths.releases_folder(home) / f"{told.release_id}.duckdb"
        assert paths.closed_release(home, MONTH).samefile(released), point


def test_a_close_killed_before_it_is_published_is_mended(
    jobs: Jobs, tmp_path: Path, to_close: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The month is closed; the next attempt says so, and publishes it."""
    monkeypatch.setattr(release, "read_project", projects.of_closing)
    home = copy(to_close, tmp_path / "home")
    assert jobs.run(job.close, home, MONTH, NOW, point="the close is about to be published") == KILLED
    assert paths.closed_folder(home, MONTH).exists()
    assert not is_current(home)
    with pytest.raises(SettingError, match=MONTH):
        close_month(home, BillMonth(MONTH), now=NOW, code_version="test")
    assert is_current(home)
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as connection:
        assert connection.execute("select bill_month from meta.closed_months").fetchall() == [(MONTH,)]
