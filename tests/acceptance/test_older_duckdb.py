"""A release and its exports in other versions of DuckDB, as analysts have them: each duckdb-*.lock is one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines import paths
from pipelines.model.project import read_project
from pipelines.publish.exports import export_focus
from tests.acceptance.programs import peer
from tests.integration.test_publish_release import RELATIONS, change, land, published
from tests.shared import copy, shared

VERSIONS = sorted(lock.stem.removeprefix("duckdb-") for lock in Path(__file__).parent.glob("duckdb-*.lock"))
READER = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
connection.execute("set TimeZone = 'UTC'")
found = {"version": duckdb.__version__}
for name, query in json.loads(sys.argv[2]).items():
    found[name] = [[str(value) for value in row] for row in connection.execute(query).fetchall()]
print(json.dumps(found))
"""
FOCUS = "select sum(BilledCost), sum(EffectiveCost), count(*), min(ChargePeriodStart)::varchar from "


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """Give a home whose release was made in two builds, with an amount that no double can hold."""

    def make(folder: Path) -> None:
        land(folder)
        published(folder)
        change(folder, "1234567890123.12345678")
        published(folder, 1)

    return copy(shared(tmp_path_factory, "to-read", make), tmp_path / "home")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_release_and_its_exports_can_be_read(home: Path, version: str) -> None:
    """Every table and view, all comments and exact sums; the FOCUS view and the file of it come to the same."""
    library = peer(f"duckdb-{version}")
    parquet = export_focus(home, "2026-10").folder / "focus_cost_and_usage.parquet"
    queries = {
        model.full_name: f"select columns(*)::varchar from {model.full_name}" for model in read_project().published
    }
    queries |= {
        "sum": "select sum(billed_cost)::varchar from fct_bill_lines where bill_month = '2026-10'",
        "relations": f"select name, comment from ({RELATIONS})",
        "columns": "select table_name, column_name, comment from duckdb_columns() where not internal",
        "focus view": f"{FOCUS} focus_cost_and_usage where x_BillMonth = '2026-10'",
        "focus file": f"{FOCUS} '{parquet}'",
    }
    link = paths.current_release(home)
    answer = subprocess.run(
        [sys.executable, "-c", READER, str(link), json.dumps(queries)],
        env={"PYTHONPATH": str(library)},
        check=True,
        capture_output=True,
        text=True,
    )
    theirs = json.loads(answer.stdout)
    assert theirs.pop("version").startswith(f"{version}.")
    assert theirs["sum"] == [["1234567890123.12345678"]]
    assert theirs["focus view"][0][:3] == theirs["focus file"][0][:3] == ["1234567890123.12345678"] * 2 + ["1"]
    with duckdb.connect(str(link), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, query in queries.items():
            ours = [[str(value) for value in row] for row in connection.execute(query).fetchall()]
            assert sorted(theirs[name]) == sorted(ours), name
