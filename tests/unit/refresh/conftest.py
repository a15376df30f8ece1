"""What the tests of refresh share: empty books, and no waiting."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pipelines import locks
from pipelines.land import landing
from pipelines.refresh import partition
from tests.unit.refresh.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody, and not for the disk either."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(locks, "_PROBE", 0.0)
    monkeypatch.setattr(partition, "_POLL", 0.0)


@pytest.fixture(autouse=True)
def no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the change log unwritten, which is most of the work of landing again; the tests of land are about it."""
    monkeypatch.setattr(landing, "write_changes", lambda *_: None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Empty books on 20 November."""
    return Workspace(tmp_path / "home")
