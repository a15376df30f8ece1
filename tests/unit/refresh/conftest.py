"""What the tests of refresh share: empty books, and no waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines import locks
from pipelines.refresh import partition
from tests.unit.refresh.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody."""
    monkeypatch.setattr(locks, "_PROBE", 0.0)
    monkeypatch.setattr(partition, "_POLL", 0.0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Empty books on 20 November."""
    return Workspace(tmp_path / "home")
