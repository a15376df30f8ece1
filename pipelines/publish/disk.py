"""The one place that writes what readers open: a copy, a link, and the removal of what is old.

A reader sees the old release or the new one, never a part; after a refusal of the disk the old one stands.
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
"""Releases can be read by everyone and written by nobody."""

PRIVATE = 0o600
"""What is made of a release for people, such as a report, is its maker's, who decides whom to send it to."""

PRIVATE_READ_ONLY = 0o400
"""What was frozen of its owner's secrets."""

PRIVATE_FOLDER = 0o700

_LEFT = 3600.0
"""Seconds after which nobody is writing any more what stands aside: a killed run left it."""


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
        _confirm(target)


def write_into_place(content: bytes, target: Path) -> None:
    """Make `target` a file of this content, synced and its owner's only, in one step. Raises StorageFailed.

    Of several who write it at once one is the last, and it is that one's, whole.
    """
    with _storage_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_left(target)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # PRIVATE from the start
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
    """Give a path in a private folder; the file that is there when the block ends becomes `target`, in one step.

    It is synced, and its owner's only. If the block fails nothing is left but what was there. Raises StorageFailed.
    """
    aside = target.with_name(f".{target.name}")
    with _storage_failures(target):
        shutil.rmtree(aside, ignore_errors=True)  # what a killed run left
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
    """Make `link` a relative link to `target`, in one step; an open reader keeps the old one. Raises StorageFailed."""
    aside = link.with_name(f".{link.name}")
    with _storage_failures(link):
        aside.unlink(missing_ok=True)
        aside.symlink_to(target.relative_to(link.parent))
        aside.replace(link)
        _confirm(link)


@contextmanager
def folder_in_place(target: Path, private: Collection[str] = ()) -> Iterator[Path]:
    """Give a folder to fill; when the block ends it is `target`, synced and read-only, in one step; else it is gone.

    Files of the names in `private` can be read by their owner only. `target` must not be there yet. Raises
    StorageFailed; if that says that the folder is in place, it is.
    """
    aside = target.with_name(f".{target.name}")
    with _storage_failures(target):
        shutil.rmtree(aside, ignore_errors=True)  # what a killed run left
        aside.mkdir(parents=True)
        try:
            for name in private:
                (aside / name).touch(PRIVATE)  # before there is anything in it to be read
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
    """Make `target` a second name of a file that never changes, or its copy where the disk knows no such names.

    Raises StorageFailed.
    """
    with _storage_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # what a killed run left
        try:
            target.hardlink_to(source)
        except OSError:
            copy_into_place(source, target)
        _confirm(target)


def private_folder(path: Path) -> None:
    """Make a folder that only its owner can open, whatever the mode of what is in it. Raises StorageFailed."""
    with _storage_failures(path):
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        path.chmod(PRIVATE_FOLDER)


def remove_folder(path: Path) -> None:
    """Remove a folder and what is in it, if it is there. Raises StorageFailed."""
    with _storage_failures(path):
        if path.exists():
            shutil.rmtree(path)


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raises StorageFailed."""
    with _storage_failures(path):
        path.unlink(missing_ok=True)


def _clear_left(target: Path) -> None:
    """Remove what killed runs left of a file, but nothing that another run may be writing right now."""
    for aside in target.parent.glob(f".{escape(target.name)}.*"):
        with suppress(FileNotFoundError):  # the other run is done with it
            if time() - aside.stat().st_mtime > _LEFT:
                aside.unlink()


def _copy(source: Path, target: Path) -> None:
    """Copy and sync a file. Tests put a full or read-only disk here."""
    shutil.copyfile(source, target)
    with target.open("rb") as copy:
        os.fsync(copy.fileno())


def _write(content: bytes, target: Path) -> None:
    """Write and sync a file. Tests put a full or read-only disk here."""
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
    """Sync the folder of what was moved into place. Raises StorageFailed, which says that it is there all the same."""
    try:
        _sync(path.parent)
    except OSError as error:
        raise StorageFailed(
            f"{path} is in place, but the disk did not confirm it: {error.strerror or error}. Mend the disk, then run "
            "again."
        ) from error


@contextmanager
def _storage_failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"The disk refused to write {path}: {error.strerror or error}. What was there before stays; "
            "make room or make it writable, then run again."
        ) from error
