"""Folders that tests read or copy, made once for all workers of a session."""

from __future__ import annotations

import os
import pickle
import shutil
from typing import TYPE_CHECKING, TypeVar

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> tuple[Path, T]:
    """Return the folder of this name and what `make` returned when the first worker that needed it filled the folder.

    Tests must not write to it. It is moved once it is made, so nothing in it may hold its absolute path. If it cannot
    be made, who else needs it fails at once.
    """
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, aside, result_file = (root / f"shared-{name}{end}" for end in ("", ".making", ".pickle"))
    with FileLock(f"{folder}.lock"):
        if aside.exists():
            pytest.fail(f"{folder} could not be made for another test, which says why")
        if not folder.exists():
            aside.mkdir()
            result_file.write_bytes(pickle.dumps(make(aside)))
            aside.rename(folder)
    result: T = pickle.loads(result_file.read_bytes())
    return folder, result


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return such a folder alone."""
    return made_once(factory, name, make)[0]


def copy(folder: Path, target: Path) -> Path:
    """Copy a shared folder, so that a test may change it. A link to its current release then points into the copy."""
    return shutil.copytree(folder, target, symlinks=True, dirs_exist_ok=True)
