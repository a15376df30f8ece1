"""The example scripts of the docs, run as they are."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from pipelines import paths
from pipelines.publish import build_and_publish
from tests.lake import line, put_month

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "pandas_costs.py"
PRODUCT = {"BusinessCode": "p_cos", "ProductName": "Object Storage"}


def test_costs_in_pandas_are_exact(tmp_path: Path) -> None:
    """Amounts that no float holds come out of pandas to the last digit, and as the database sums them."""
    month = {
        "1": [line("a", "1234567890123456789.12345678"), line("b", "0.00000001")],
        "2": [line("c", "-0.3", **PRODUCT), line("d", "7.5", Currency="CNY", **PRODUCT)],
    }
    put_month(tmp_path, "2026-10", month)
    build_and_publish(tmp_path, now=datetime(2026, 11, 20, 12, tzinfo=UTC), code_version="test")
    release = paths.current_release(tmp_path)
    command = [sys.executable, "-W", "error", str(SCRIPT), "2026-10", str(release)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1234567890123456789.12345679" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Totals are those of the database: ")
    assert "'USD': Decimal('1234567890123456788.82345679')" in last
    assert "'CNY': Decimal('7.50000000')" in last


def test_floats_would_not_be(tmp_path: Path) -> None:
    """What the example is for: `.df()` loses digits."""
    frame = duckdb.sql("select 1234567890123456789.12345678::decimal(38, 8) as cost").df()
    assert frame["cost"].dtype == "float64"
    assert Decimal(frame["cost"][0]) != Decimal("1234567890123456789.12345678")
