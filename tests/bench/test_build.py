"""How long building and publishing takes, against one hand-written script, and after one of 24 months changed.

A million bill lines in 24 months. All figures are ratios of runs on the same machine, one after the other.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.publish import build_and_publish
from tests.bench.lake import LINES, make_lake, make_month, months

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCRIPT = Path(__file__).with_name("handwritten.sql")
THREADS = 2

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home whose lake holds a million lines."""
    folder = tmp_path_factory.mktemp("home")
    make_lake(folder)
    return folder


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def by_hand(home: Path) -> None:
    """Run the script, and close its file."""
    target = home / "by_hand.duckdb"
    target.unlink(missing_ok=True)
    with duckdb.connect(str(target), config={"threads": THREADS}) as connection:
        connection.execute(SCRIPT.read_text().replace("<lake>", str(home / "lake" / "raw")))


def publish(home: Path, *, full: bool) -> None:
    """Build and publish, which must find something to do."""
    release = build_and_publish(home, now=NOW, code_version="bench", full=full, threads=THREADS)
    assert release is not None
    assert release.full == full
    assert len(release.months) == (len(months()) if full else 1)


def best_of(count: int, work: Callable[[], object], before: Callable[[int], object] = lambda _: None) -> float:
    """Return the shortest of a few runs: other work on the machine only ever makes one longer."""
    taken = []
    for run in range(count):
        before(run)
        taken.append(seconds(work))
    return min(taken)


def test_build_against_a_script_and_after_one_month_changed(home: Path) -> None:
    """A full build takes at most 2.5 x the script, one after a changed month at most 1/6 of the full one."""
    script = best_of(3, lambda: by_hand(home))
    full = best_of(3, lambda: publish(home, full=True))
    month = best_of(
        3,
        lambda: publish(home, full=False),
        lambda run: make_month(home, months()[12], sign=-1 if run % 2 == 0 else 1),
    )
    print(
        f"\n{LINES:,} lines: by hand {script:.2f} s; full build {full:.2f} s = {full / script:.2f} x (at most 2.5); "
        f"one month of {len(months())} {month:.2f} s = 1/{full / month:.1f} of it (at most 1/6)"
    )
    assert full <= 2.5 * script
    assert month <= full / 6


def test_the_script_makes_the_same_tables(home: Path) -> None:
    """The script that the build is measured against makes the very same rows, so that it is no straw man."""
    by_hand(home)
    build_and_publish(home, now=NOW, code_version="bench", threads=THREADS)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home / 'warehouse' / 'billing.duckdb'}' as ours (read_only)")
        connection.execute(f"attach '{home / 'by_hand.duckdb'}' as theirs (read_only)")
        for table in ("fct_bill_lines", "fct_monthly_costs", "dim_customers", "rpt_reconciliation"):
            differing = connection.execute(f"""
                (from ours.{table} except all from theirs.{table})
                union all (from theirs.{table} except all from ours.{table})
                limit 3
            """).fetchall()
            assert differing == [], table
