"""The example scripts of the docs, run as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.publish import build_and_publish
from tests.lake import line, put_month

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "pandas_costs.py"
PRODUCT = {"BusinessCode": "p_cos", "ProductName": "Object Storage"}


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script on the release of a home."""
    environment = {**os.environ, "BILL_ETL_HOME": str(home)}
    command = [sys.executable, "-W", "error", str(SCRIPT), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_costs_in_pandas_are_exact(tmp_path: Path) -> None:
    """Amounts that no float holds come out of pandas to the last digit, and as the database sums them."""
    month = {
        "1": [line("a", "1234567890123456789.12345678"), line("b", "0.00000001")],
        "2": [line("c", "-0.3", **PRODUCT), line("d", "7.5", Currency="CNY", **PRODUCT)],
    }
    put_month(tmp_path, "2026-10", month)
    build_and_publish(tmp_path, now=datetime(2026, 11, 20, 12, tzinfo=UTC), code_version="test")
    done = run(tmp_path, "2026-10")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1234567890123456789.12345679" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Totals are those of the database: ")
    assert "'USD': Decimal('1234567890123456788.82345679')" in last
    assert "'CNY': Decimal('7.50000000')" in last
    other = run(tmp_path, "2026-11")
    assert (other.returncode, other.stderr.strip()) == (
        1,
        "No customer has costs in 2026-11: write a month that landed as YYYY-MM.",
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [(["2026-10"], "There is no release at"), ([], "docs/examples/pandas_costs.py 2026-10"), (["-h", "x"], "exact")],
)
def test_a_mistake_is_told_without_a_traceback(tmp_path: Path, words: list[str], told: str) -> None:
    """Also where there is nothing to read yet."""
    done = run(tmp_path, *words)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_floats_would_not_be(tmp_path: Path) -> None:
    """What the example is for: `.df()` loses digits."""
    frame = duckdb.sql("select 1234567890123456789.12345678::decimal(38, 8) as cost").df()
    assert frame["cost"].dtype == "float64"
    assert Decimal(frame["cost"][0]) != Decimal("1234567890123456789.12345678")
