"""The one place that writes what readers open: a copy, a link, and the removal of what is old.

A reader sees the old release or the new one, never a part; after a refusal of the disk the old one stands.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipelines.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READ_ONLY = 0o444
"""Releases can be read by everyone and written by nobody."""


def copy_into_place(source: Path, target: Path) -> None:
    """Make `target` a synced, read-only copy of `source`, in one step. Raises StorageFailed."""
    aside = target.with_name(".tmp")  # one name for all: what a killed run left is written over
    with _storage_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.unlink(missing_ok=True)  # one left by a killed run is read-only
            _copy(source, aside)
            aside.chmod(READ_ONLY)
            aside.replace(target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)


def point(link: Path, target: Path) -> None:
    """Make `link` a relative link to `target`, in one step; an open reader keeps the old one. Raises StorageFailed."""
    aside = link.with_name(f".{link.name}")
    with _storage_failures(link):
        aside.unlink(missing_ok=True)
        aside.symlink_to(target.relative_to(link.parent))
        aside.replace(link)
        _sync_folder(link.parent)


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raises StorageFailed."""
    with _storage_failures(path):
        path.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """Copy and sync a file. Tests put a full or read-only disk here."""
    shutil.copyfile(source, target)
    with target.open("rb") as copy:
        os.fsync(copy.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _storage_failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"The disk refused to write {path}: {error.strerror or error}. Readers keep the last release; "
            "make room or make it writable, then run again: only the copy is made again."
        ) from error
