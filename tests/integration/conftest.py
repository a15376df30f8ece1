"""A sandbox without limits, and the command line run on it as a person would."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import dagster as dg
import duckdb
import pytest

from pipelines import paths
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Role
from pipelines.periods import BILLING_ZONE
from pipelines.sandbox import Principal, Sandbox, World
from tests.integration.commands import environment, run_module
from tests.shared import copy, shared

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SECRET_ID, SECRET_KEY = "AKIDintegrationintegration", "a-key-that-must-never-be-seen"
NOW = datetime(2026, 11, 20, 12, tzinfo=BILLING_ZONE)
WORLD = World(customers=3, lines=900, largest=700)


@dataclass
class CommandLine:
    """`python -m assets`, with settings of its own and nothing of this machine's."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """The variables that the command is given."""
        return {"BILL_ETL_HOME": str(self.home)} | self.variables

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command as a process of its own, which takes seconds longer."""
        command = [sys.executable, "-m", "assets", *words]
        pipe = subprocess.PIPE
        env = environment(**self.settings)
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in this process, with Dagster's own records in memory: both save seconds."""
        with patch("assets.execution.instance", _in_memory):
            return run_module("assets", *words, **self.settings)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the current release."""
        with duckdb.connect(str(paths.current_release(self.home)), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@contextmanager
def _in_memory(_: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve three customers' bills without limits, on 2026-11-20."""
    with served() as running:
        yield running


def served() -> Sandbox:
    """Return such a sandbox, yet to be entered."""
    sandbox = Sandbox([Principal(SECRET_ID, SECRET_KEY, Role.RESELLER)], world=WORLD, now=NOW, limits=False)
    sandbox.storage.ready_after = 0  # no test waits for a file to be made
    return sandbox


@pytest.fixture
def command(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    """Give the command line, with an account on the sandbox whose limits are out of the way."""
    return command_line(sandbox, tmp_path)


def command_line(sandbox: Sandbox, folder: Path) -> CommandLine:
    """Return the command line of an account on a sandbox, whose home and settings are in a folder."""
    actions = {dataset.action.name for dataset in DATASETS.values()}
    limits = "\n".join(f"{name} = 1000" for name in sorted(actions))
    accounts = folder / "accounts.toml"
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
    return CommandLine(folder / "home", variables)


@pytest.fixture(scope="session")
def month_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the `home` in which the command landed and published 2026-10, with its `output` and the `statistics`."""

    def make(folder: Path) -> None:
        with served() as sandbox:
            done = command_line(sandbox, folder).run("month", "2026-10")
            (folder / "statistics").write_text(json.dumps(sandbox.statistics()))
        assert (done.returncode, done.stderr) == (0, "")
        (folder / "output").write_text(done.stdout)

    return shared(tmp_path_factory, "month", make)


@pytest.fixture
def month(command: CommandLine, month_home: Path) -> CommandLine:
    """Give the command line with a copy of that home."""
    copy(month_home / "home", command.home)
    return command


@pytest.fixture(scope="session")
def example_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the home of the example, for tests to read or copy."""
    from tests.integration import example  # noqa: PLC0415  few tests need it

    return shared(tmp_path_factory, "example", example.make)
