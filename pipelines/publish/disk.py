"""Writes files, folders and links in one step, so that readers see the old content or the new, never half of it.

If the disk refuses, the old content stays.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from pipelines.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

READ_ONLY = 0o444
"""Mode of releases: everyone may read them, nobody may write."""

PRIVATE = 0o600
"""Mode of reports and statements: their owner decides who gets them."""

PRIVATE_READ_ONLY = 0o400
"""Mode of confidential files of a closed month."""

PRIVATE_FOLDER = 0o700

_ABANDONED_AFTER = 3600.0
"""Seconds after which a temporary file must be from a killed run."""


def copy_into_place(source: Path, target: Path) -> None:
    """Make `target` a synced, read-only copy of `source` in one step. Raises StorageFailed."""
    aside = target.with_name(".tmp")  # always the same name, so that the next copy replaces what a killed run left
    with _storage_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.unlink(missing_ok=True)  # one of a killed run is read-only
            _copy(source, aside)
            aside.chmod(READ_ONLY)
            aside.replace(target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        _confirm(target)


def write_into_place(content: bytes, target: Path) -> None:
    """Write `content` to `target` in one step, synced and readable by its owner only. Raises StorageFailed.

    If several write it at once, the content of the last one stays, complete.
    """
    with _storage_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # created with mode PRIVATE
        os.close(descriptor)
        aside = Path(name)
        try:
            _write(content, aside)
            aside.replace(target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        _confirm(target)


@contextmanager
def file_in_place(target: Path) -> Iterator[Path]:
    """Yield a temporary path in a private folder; at the end of the block the file there becomes `target` in one step.

    It is synced and readable by its owner only. If the block fails, what was there before stays. Raises StorageFailed.
    """
    aside = target.with_name(f".{target.name}")
    with _storage_failures(target):
        shutil.rmtree(aside, ignore_errors=True)  # from a killed run
        aside.mkdir(mode=PRIVATE_FOLDER, parents=True)
        try:
            yield aside / target.name
            (aside / target.name).chmod(PRIVATE)
            _sync(aside / target.name)
            (aside / target.name).replace(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        _confirm(target)


def point(link: Path, target: Path) -> None:
    """Make `link` a relative link to `target` in one step; open readers keep the old file. Raises StorageFailed."""
    aside = link.with_name(f".{link.name}")
    with _storage_failures(link):
        aside.unlink(missing_ok=True)
        aside.symlink_to(target.relative_to(link.parent))
        aside.replace(link)
        _confirm(link)


@contextmanager
def folder_in_place(target: Path, private: Collection[str] = ()) -> Iterator[Path]:
    """Yield a temporary folder to fill; at the end of the block it becomes `target` in one step, synced and read-only.

    If the block fails, the folder is removed. Files named in `private` are readable by their owner only. `target` must
    not exist yet. Raises StorageFailed; its message says so if the folder is in place all the same.
    """
    aside = target.with_name(f".{target.name}")
    with _storage_failures(target):
        shutil.rmtree(aside, ignore_errors=True)  # from a killed run
        aside.mkdir(parents=True)
        try:
            for name in private:
                (aside / name).touch(PRIVATE)  # before it has any content
            yield aside
            for path in aside.iterdir():
                path.chmod(PRIVATE_READ_ONLY if path.name in private else READ_ONLY)
                _sync(path)
            _sync(aside)
            aside.rename(target)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        _confirm(target)


def keep(source: Path, target: Path) -> None:
    """Make `target` a hard link to a file that never changes; a copy where the disk has no hard links.

    Raises StorageFailed.
    """
    with _storage_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # from a killed run
        try:
            target.hardlink_to(source)
        except OSError:
            copy_into_place(source, target)
        _confirm(target)


def private_folder(path: Path) -> None:
    """Create a folder that only its owner can open, or make an existing one so. Raises StorageFailed."""
    with _storage_failures(path):
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        path.chmod(PRIVATE_FOLDER)


def remove_folder(path: Path) -> None:
    """Remove a folder with its content, if it exists. Raises StorageFailed."""
    with _storage_failures(path):
        if path.exists():
            shutil.rmtree(path)


def remove(path: Path) -> None:
    """Remove a file, if it exists. Raises StorageFailed."""
    with _storage_failures(path):
        path.unlink(missing_ok=True)


def _remove_abandoned(target: Path) -> None:
    """Remove temporary files of killed runs, but none that another run may be writing right now."""
    for aside in target.parent.glob(f".{escape(target.name)}.*"):
        with suppress(FileNotFoundError):  # another run has just moved it into place
            if time() - aside.stat().st_mtime > _ABANDONED_AFTER:
                aside.unlink()


def _copy(source: Path, target: Path) -> None:
    """Copy and sync a file. Tests replace this with a full or read-only disk."""
    shutil.copyfile(source, target)
    with target.open("rb") as copy:
        os.fsync(copy.fileno())


def _write(content: bytes, target: Path) -> None:
    """Write and sync a file. Tests replace this with a full or read-only disk."""
    with target.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _confirm(path: Path) -> None:
    """Sync the folder of a path that was moved into place. Raises StorageFailed, which says that the path is there."""
    try:
        _sync(path.parent)
    except OSError as error:
        raise StorageFailed(
            f"{path} is in place, but the disk did not confirm it: {error.strerror or error}. Fix the disk, then run "
            "again."
        ) from error


@contextmanager
def _storage_failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"The disk refused to write {path}: {error.strerror or error}. The previous content stays. "
            "Free some space or make it writable, then run again."
        ) from error
