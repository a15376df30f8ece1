"""The example scripts of the docs, run as they are."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.publish import build_and_publish, release
from tests.integration import projects
from tests.lake import line, put_month

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "pandas_costs.py"
PRODUCT = {"BusinessCode": "p_cos", "ProductName": "Object Storage"}


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script on the release of a home."""
    environment = {**os.environ, "BILL_ETL_HOME": str(home)}
    command = [sys.executable, "-W", "error", str(SCRIPT), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_costs_in_pandas_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amounts that no float holds come out of pandas to the last digit, and as the database sums them."""
    month = {
        "1": [line("a", "1234567890123456789.12345678"), line("b", "0.00000001")],
        "2": [line("c", "-0.3", **PRODUCT), line("d", "7.5", Currency="CNY", **PRODUCT)],
    }
    put_month(tmp_path, "2026-10", month)
    monkeypatch.setattr(release, "read_project", lambda: projects.reduced("main.fct_monthly_costs"))
    build_and_publish(tmp_path, now=datetime(2026, 11, 20, 12, tzinfo=UTC), code_version="test")
    done = run(tmp_path, "2026-10")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1234567890123456789.12345679" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert "'USD': Decimal('1234567890123456788.82345679')" in last
    assert "'CNY': Decimal('7.50000000')" in last
    other = run(tmp_path, "2026-11")
    assert (other.returncode, other.stdout, other.stderr.count("\n")) == (1, "", 1)
    assert "2026-11" in other.stderr


def test_a_mistake_is_told_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where there is nothing to read yet."""
    monkeypatch.setenv("BILL_ETL_HOME", str(tmp_path))
    for words, fact in ((["2026-10"], str(tmp_path)), ([], "pandas_costs.py 2026-10"), (["-h", "x"], "2026-10")):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        told = capsys.readouterr()
        assert fact in f"{end.value.code}{told.out}{told.err}", words
        assert end.value.code not in (0, None), words


def test_floats_would_not_be(tmp_path: Path) -> None:
    """What the example is for: `.df()` loses digits."""
    frame = duckdb.sql("select 1234567890123456789.12345678::decimal(38, 8) as cost").df()
    assert frame["cost"].dtype == "float64"
    assert Decimal(frame["cost"][0]) != Decimal("1234567890123456789.12345678")
