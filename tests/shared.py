"""Folders that tests read or copy, made once for all workers of a session."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder of this name, which the first worker that needs it makes. Tests must not write to it.

    If it cannot be made, who else needs it fails at once.
    """
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, aside = root / f"shared-{name}", root / f"shared-{name}.making"
    with FileLock(f"{folder}.lock"):
        if aside.exists():
            pytest.fail(f"{folder} could not be made for another test, which says why")
        if not folder.exists():
            aside.mkdir()
            make(aside)
            aside.rename(folder)
    return folder


def copy(folder: Path, target: Path) -> Path:
    """Copy a shared folder, so that a test may change it."""
    return shutil.copytree(folder, target, symlinks=True)
