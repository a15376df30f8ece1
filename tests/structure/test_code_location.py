"""Tests of the code location that Dagster loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from assets.definitions import build_defs

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).parent / "asset_keys.txt"


def test_asset_keys_are_those_of_the_snapshot() -> None:
    """A renamed asset key loses its history in Dagster. If it is intended, update the snapshot."""
    keys = sorted(key.to_user_string() for key in build_defs().resolve_all_asset_keys())
    assert "\n".join(keys) + "\n" == SNAPSHOT.read_text()


def test_schedules_and_the_sensor_run_by_default_in_the_billing_zone() -> None:
    """Schedules and the sensor need not be switched on, and schedules use the service's time zone."""
    definitions = build_defs()
    schedules = [definitions.resolve_schedule_def(name) for name in ("daily_snapshots", "daily_months")]
    assert {schedule.default_status.value for schedule in schedules} == {"RUNNING"}
    assert {schedule.execution_timezone for schedule in schedules} == {"Asia/Shanghai"}
    assert {schedule.cron_schedule for schedule in schedules} == {"30 9 * * *"}
    assert definitions.resolve_sensor_def("build_when_landed").default_status.value == "RUNNING"


def test_the_workspace_loads_from_the_root_without_any_setting(tmp_path: Path) -> None:
    """`workspace.yaml` finds the code location, which loads without an account or environment variable."""
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    environ = {"HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "1"}
    answer = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
