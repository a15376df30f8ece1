"""What the tests of refresh share: empty books, and no waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines import locks
from pipelines.refresh import partition
from tests.unit.refresh.books import Books

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody."""
    monkeypatch.setattr(locks, "_PROBE", 0.0)
    monkeypatch.setattr(partition, "_POLL", 0.0)


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """Empty books on 20 November."""
    return Books(tmp_path / "home")
