"""Whatever way a release was made, month by month or from nothing, it holds the same: every table, row by row."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from pipelines import paths
from pipelines.land.manifest import landed_files
from pipelines.model.project import read_project
from pipelines.periods import BILLING_ZONE
from pipelines.publish import Release, build_and_publish, release
from tests.integration import example, projects
from tests.integration.commands import run_module
from tests.integration.test_publish_release import assert_equal_contents, read
from tests.lake import line, put_month
from tests.shared import copy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(example_home: Path, tmp_path: Path) -> Path:
    """Give a home of three accounts, whose release was made of two months and then of what landed two weeks later."""
    return copy(example_home, tmp_path / "home")


def publish(home: Path, *, full: bool = False) -> Release:
    """Build and publish something that must be there to publish."""
    made = build_and_publish(home, now=example.SECOND, code_version="example", full=full)
    assert made is not None
    return made


def test_a_home_that_lost_its_warehouse_gets_the_same_back(home: Path) -> None:
    """What is landed, and frozen of closed months, is enough for a release of equal contents.

    The one that was lost was made month by month, as they landed or were restated; nearly every table has rows to
    compare.
    """
    before = shutil.copy(paths.current_release(home), home.parent / "before.duckdb")
    shutil.rmtree(home / "warehouse")
    made = publish(home)
    assert made.full
    assert_equal_contents(before, made.path)
    empty = {name for name, rows in made.tables.items() if not rows}
    assert len(empty) < len(read_project().tables) / 5, empty


def test_files_that_vanish_and_come_back_leave_nothing_behind(home: Path) -> None:
    """Without a month's files, a day and a list the release is that of a lake which never had them; and back again."""
    before = paths.current_release(home).resolve()
    gone = home.parent / "gone"
    for file in landed_files(home):
        if file.manifest.partition_key in {"2026-09", "2026-11-18"} or file.manifest.dataset == "customers_credit":
            (gone / file.path).parent.mkdir(parents=True)
            (home / file.path).rename(gone / file.path)
    without = publish(home)
    assert (without.full, without.months) == (False, ("2026-09", "2026-11"))
    assert read(without.path, "from fct_bill_lines where bill_month = '2026-09'") == []
    assert_equal_contents(without.path, publish(home, full=True).path)
    shutil.copytree(gone, home, dirs_exist_ok=True)
    again = publish(home)
    assert (again.full, again.months) == (False, ("2026-09", "2026-11"))
    assert_equal_contents(again.path, before)


def test_the_command_builds_as_of_the_billing_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release is made at the time that is set, as whatever is asked of this machine's own addresses."""
    monkeypatch.setattr(release, "read_project", projects.costs_only)
    put_month(tmp_path, "2026-10", {"1": [line("a", "1.5")]})
    own = {"ENDPOINT": "http://127.0.0.1:1", "ROLE": "reseller", "HOME": str(tmp_path), "NOW": "2026-11-20T12:30:00"}
    keys = {"TENCENTCLOUD_SECRET_ID": "ID", "TENCENTCLOUD_SECRET_KEY": "KEY"}
    done = run_module("pipelines", "rebuild", **keys, **{f"BILL_ETL_{name}": own[name] for name in own})
    assert (done.returncode, done.stderr) == (0, "")
    assert str(paths.current_release(tmp_path)) in done.stdout
    built_at = datetime.fromisoformat(own["NOW"]).replace(tzinfo=BILLING_ZONE)
    assert read(paths.current_release(tmp_path), "select built_at from meta.release") == [(built_at,)]
