"""How long building and publishing takes, and in how much memory: against one hand-written script, and after one of
24 months changed.

Ten million bill lines in 24 months on two threads. All figures are ratios of runs on the same machine, one after the
other, each in a process of its own; peaks are the system's own count.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from pipelines.model.project import read_project
from pipelines.publish import build_and_publish
from tests.bench.lake import make_lake, make_month, months

LINES = 10_000_000
FEW_LINES = 240_000
"""How many are compared with the script's, row by row."""
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCRIPT = Path(__file__).with_name("handwritten.sql")
THREADS = 2
RUNS = 2
LEFT_OUT = {
    "dim_bill_months",
    "dim_customer_months",
    "dim_dates",
    "dim_regions",
    "fct_receivables",
    "rpt_coverage",
    "rpt_daily_run_rate",
    "rpt_margin",
    "rpt_month_over_month",
    "rpt_receivables",
    "rpt_restatements",
    "rpt_spend_anomalies",
}
"""Tables with rows that the script does not make: made of aggregates, and no quicker for the build to have."""

MEASURED = """
import json, resource, sys, time
from pathlib import Path
from tests.bench import test_build
work = getattr(test_build, sys.argv[1])
began = time.perf_counter()
work(Path(sys.argv[2]))
seconds = time.perf_counter() - began
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3000)]


def by_hand(home: Path) -> None:
    """Run the script, and close its file."""
    target = home / "by_hand.duckdb"
    target.unlink(missing_ok=True)
    with duckdb.connect(str(target), config={"threads": THREADS}) as connection:
        connection.execute("set enable_progress_bar = false")  # it would be printed among the figures
        connection.execute(SCRIPT.read_text().replace("<lake>", str(home / "lake" / "raw")))


def all_months(home: Path) -> None:
    """Build everything and publish."""
    release = build_and_publish(home, now=NOW, code_version="bench", full=True, threads=THREADS)
    assert release is not None
    assert len(release.months) == len(months())


def one_month(home: Path) -> None:
    """Build the one month that changed and publish."""
    release = build_and_publish(home, now=NOW, code_version="bench", threads=THREADS)
    assert release is not None
    assert (release.full, len(release.months)) == (False, 1)


def measured(work: str, home: Path) -> tuple[float, float]:
    """Return the seconds and the peak in MB of a work of this module, in a process of its own."""
    command = [sys.executable, "-c", MEASURED, work, str(home)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200)
    seconds, peak = json.loads(answer.stdout)
    return seconds, peak


def test_ten_million_lines_against_a_script_and_after_one_month_changed(tmp_path: Path) -> None:
    """A full build takes at most 2.5 x the script and 4 GB; one after a changed month at most 1/10 of the full one.

    The shortest of a few runs: other work on the machine only ever makes one longer.
    """
    make_lake(tmp_path, LINES)
    script, _ = min(measured("by_hand", tmp_path) for _ in range(RUNS))
    (tmp_path / "by_hand.duckdb").unlink()
    fulls = [measured("all_months", tmp_path) for _ in range(RUNS)]
    ones = []
    for run in range(RUNS):
        make_month(tmp_path, months()[12], LINES // len(months()), sign=-1 if run % 2 == 0 else 1)
        ones.append(measured("one_month", tmp_path))
    (full, _), (one, _) = min(fulls), min(ones)
    peak = max(peak for _, peak in (*fulls, *ones))
    print(
        f"\n{LINES:,} lines: by hand {script:.1f} s; full build {full:.1f} s = {full / script:.2f} x (at most 2.5), "
        f"peak {peak:,.0f} MB (at most 4,096); one month of {len(months())} {one:.2f} s = 1/{full / one:.1f} of it "
        "(at most 1/10)"
    )
    assert full <= 2.5 * script
    assert peak <= 4096
    assert one <= full / 10


def test_the_script_makes_the_same_tables(tmp_path: Path) -> None:
    """The script that the build is measured against makes the same rows, in the columns it has: it is no straw man."""
    make_lake(tmp_path, FEW_LINES)
    by_hand(tmp_path)
    all_months(tmp_path)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{tmp_path / 'warehouse' / 'billing.duckdb'}' as ours (read_only)")
        connection.execute(f"attach '{tmp_path / 'by_hand.duckdb'}' as theirs (read_only)")
        theirs = dict(
            connection.execute("""
                select table_name, string_agg(column_name, ', ' order by column_index)
                from duckdb_columns() where database_name = 'theirs' group by table_name
            """).fetchall()
        )
        left_out = set()
        for model in read_project().tables:
            if model.name in theirs:
                ours = f"select {theirs[model.name]} from ours.{model.full_name}"
                differing = connection.execute(f"""
                    ({ours} except all from theirs.{model.name})
                    union all (from theirs.{model.name} except all {ours})
                    limit 3
                """).fetchall()
                assert differing == [], model.full_name
            elif model.schema == "main" and connection.execute(f"from ours.{model.full_name} limit 1").fetchall():
                left_out.add(model.name)
        assert left_out == LEFT_OUT
