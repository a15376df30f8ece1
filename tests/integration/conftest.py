"""A sandbox without limits, and the command line run on it as a person would, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines import paths
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Role
from pipelines.periods import BILLING_ZONE
from pipelines.sandbox import Principal, Sandbox, World

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SECRET_ID, SECRET_KEY = "AKIDintegrationintegration", "a-key-that-must-never-be-seen"
NOW = datetime(2026, 11, 20, 12, tzinfo=BILLING_ZONE)


@dataclass
class CommandLine:
    """`python -m assets`, with settings of its own and nothing of this machine's."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("BILL_ETL", "TENCENT", "DAGSTER"))
        }
        environment = kept | {"BILL_ETL_HOME": str(self.home)} | self.variables
        command = [sys.executable, "-m", "assets", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*words)
        output, errors = process.communicate(timeout=240)
        return subprocess.CompletedProcess(words, process.returncode, output, errors)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the current release."""
        with duckdb.connect(str(paths.current_release(self.home)), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve three customers' bills without limits, on 2026-11-20."""
    principal = Principal(SECRET_ID, SECRET_KEY, Role.RESELLER)
    with Sandbox([principal], world=World(customers=3, lines=900, largest=700), now=NOW, limits=False) as served:
        served.storage.ready_after = 0  # no test waits for a file to be made
        yield served


@pytest.fixture
def command(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    """Give the command line, with an account on the sandbox whose limits are out of the way."""
    actions = {dataset.action.name for dataset in DATASETS.values()}
    limits = "\n".join(f"{name} = 1000" for name in sorted(actions))
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(
        f'[accounts.north]\nrole = "reseller"\nendpoint = "{sandbox.url}"\n'
        f'secret_id_variable = "NORTH_ID"\nsecret_key_variable = "NORTH_KEY"\n[accounts.north.limits]\n{limits}\n'
    )
    variables = {
        "BILL_ETL_ACCOUNTS": str(accounts),
        "BILL_ETL_NOW": "2026-11-20T12:00:00",
        "NORTH_ID": SECRET_ID,
        "NORTH_KEY": SECRET_KEY,
    }
    return CommandLine(tmp_path / "home", variables)
