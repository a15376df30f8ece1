"""Shared homes: made once for all test processes, and copied by each test that writes."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

T = TypeVar("T")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> tuple[Path, T]:
    """Return the folder `name` and what `make` returned when it filled that folder. The first process makes it.

    The folder is moved once it is made, so nothing in it may hold its absolute path. Tests that write take a copy.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, result_file = shared / name, shared / f"{name}.pickle"
    with FileLock(shared / f"{name}.lock"):
        if not folder.exists():
            aside = shared / f"{name}.aside"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            result_file.write_bytes(pickle.dumps(make(aside)))
            aside.rename(folder)
    result: T = pickle.loads(result_file.read_bytes())
    return folder, result


def copied(home: Path, to: Path) -> Path:
    """Return a copy of a shared home that a test may change. The link to the current release points into the copy."""
    shutil.copytree(home, to, symlinks=True, dirs_exist_ok=True, copy_function=_copy)
    return to


def _copy(source: str, target: str) -> str:
    """Copy a file; a read-only one, such as a release, is hard-linked instead."""
    if Path(source).stat().st_mode & 0o222:
        return str(shutil.copy2(source, target))
    Path(target).hardlink_to(source)
    return target
