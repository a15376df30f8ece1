"""A job killed at any commit point: readers see a whole release, and a rerun ends where an unkilled job ends."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
import pytest

from pipelines import paths
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Role
from pipelines.land import landed_files
from pipelines.sandbox import Principal, Sandbox, World
from tests.integration.conftest import NOW, SECRET_ID, SECRET_KEY
from tests.integration.job import BILLS, POINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
MONTH = "2026-10"
PASSES = {"a page is stored": (1, 7), "a file is replaced": (1, 5), "a model is made": (1, 4)}
PER_RUN = ("_request_id", "_fetched_at", "_old_requested_at", "_new_requested_at")
"""Lineage that tells of the asking, not of the bill."""


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path, Path]]:
    """Give a sandbox whose month was restated since a first job landed it, that home, and one that landed both."""
    with Sandbox(
        [Principal(SECRET_ID, SECRET_KEY, Role.RESELLER)],
        world=World(customers=3, lines=900, largest=700),
        now=NOW,
        limits=False,
    ) as sandbox:
        first = tmp_path_factory.mktemp("first")
        assert run(first, sandbox) == 0
        for customer in sandbox.world.customer_uins:
            sandbox.restate(customer, MONTH)
        unkilled = tmp_path_factory.mktemp("unkilled")
        shutil.copytree(first, unkilled, symlinks=True, dirs_exist_ok=True)
        assert run(unkilled, sandbox) == 0
        yield sandbox, first, unkilled


def run(home: Path, sandbox: Sandbox, *death: str) -> int:
    """Run the job; return what it ended with."""
    command = [sys.executable, "-m", "tests.integration.job", str(home), sandbox.url, MONTH, *death]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode


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


def release(home: Path) -> dict[str, Any]:
    """What readers find in every table, without the times of the asking."""
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'main'").fetchall()
        found = {}
        for (table,) in tables:
            columns = [name for name, *_ in connection.execute(f"describe {table}").fetchall()]
            kept = ", ".join(name for name in columns if not name.endswith("_at") and name != "request_id")
            found[table] = Counter(connection.execute(f"select {kept} from {table}").fetchall())
        return found


@pytest.mark.parametrize(("point", "nth"), [(point, nth) for point in POINTS for nth in PASSES.get(point, (1,))])
def test_a_killed_job_leaves_readers_whole_and_its_rerun_ends_as_an_unkilled_one(
    stages: tuple[Sandbox, Path, Path], tmp_path: Path, point: str, nth: int
) -> None:
    """Whatever was being written, the release before stands, and lake and release end equal."""
    sandbox, first, unkilled = stages
    home = tmp_path / "home"
    shutil.copytree(first, home, symlinks=True)
    assert run(home, sandbox, point, str(nth)) == -signal.SIGKILL, "the job reaches this point"
    assert release(home) == release(unkilled if point == "the release is published" else first)
    assert run(home, sandbox) == 0
    assert lake(home) == lake(unkilled)
    assert release(home) == release(unkilled)
    assert not list(paths.state(home).rglob("*.sqlite*")), "no ledger is left"


def test_a_rerun_asks_nothing_that_the_killed_run_had_landed(
    stages: tuple[Sandbox, Path, Path], tmp_path: Path
) -> None:
    """Killed with three of five datasets landed: the rerun asks the other two, and of them only what was not kept."""
    sandbox, *_ = stages
    home = tmp_path / "home"
    asked = len(sandbox.requests())
    assert run(home, sandbox, "a ledger is removed", "4") == -signal.SIGKILL, "the list's and three datasets' ledgers"
    landed = {DATASETS[file.manifest.dataset].action.name for file in landed_files(home)}
    killed = len(sandbox.requests())
    assert run(home, sandbox) == 0
    again = [request.action for request in sandbox.requests()[killed:]]
    assert len(landed) >= 4
    assert not landed & set(again)
    whole = {request.action for request in sandbox.requests()[asked:]}
    assert whole == {dataset.action.name for dataset in (DATASETS["customers"], *BILLS)}


def test_the_comparison_sees_a_difference(stages: tuple[Sandbox, Path, Path]) -> None:
    """The restated month differs from the first landing, in the lake, its changes and the release."""
    _, first, unkilled = stages
    before, after = lake(first), lake(unkilled)
    detail = next(path for path in before if "customer_bill_detail" in path and path.endswith(".parquet"))
    assert before[detail] != after[detail]
    assert after[f"{detail} changes"]
    assert release(first) != release(unkilled)
