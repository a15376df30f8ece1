"""Tests of the one place that writes what readers open."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from pipelines.errors import StorageFailed
from pipelines.publish import disk


def refuse(code: int) -> object:
    """Return a stand-in for any call of the system, which the disk refuses."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return refused


def test_a_copy_is_whole_and_read_only(tmp_path: Path) -> None:
    """A release has the bytes of the build, can be read by all and written by none, and leaves nothing aside."""
    source, target = tmp_path / "source", tmp_path / "folder" / "target"
    source.write_bytes(b"rows")
    disk.copy_into_place(source, target)
    assert target.read_bytes() == b"rows"
    assert stat.S_IMODE(target.stat().st_mode) == 0o444
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_what_a_killed_run_left_aside_is_overwritten(tmp_path: Path) -> None:
    """A read-only leftover of the same name is no obstacle."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"rows")
    aside = tmp_path / ".tmp"
    aside.write_bytes(b"half")
    aside.chmod(0o444)
    disk.copy_into_place(source, target)
    assert target.read_bytes() == b"rows"
    assert not aside.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize(("module", "call"), [(shutil, "copyfile"), (os, "fsync"), (Path, "replace")])
def test_a_refused_copy_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, call: str, code: int
) -> None:
    """A full or read-only disk ends in StorageFailed with path and reason, the old file whole, nothing aside."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    monkeypatch.setattr(module, call, refuse(code))
    with pytest.raises(StorageFailed, match=os.strerror(code)) as failure:
        disk.copy_into_place(source, target)
    assert str(target) in str(failure.value)
    assert failure.value.rerun_helps
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_a_link_is_relative_and_can_be_moved_with_its_folder(tmp_path: Path) -> None:
    """The link names its target relative to itself, so that the whole warehouse can be copied elsewhere."""
    (tmp_path / "releases").mkdir()
    link = tmp_path / "current"
    for name in ("one", "two"):
        (tmp_path / "releases" / name).write_text(name)
        disk.point(link, tmp_path / "releases" / name)
        assert link.read_text() == name
        assert str(link.readlink()) == f"releases/{name}"


def test_a_refused_link_keeps_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the link cannot be replaced it points where it pointed."""
    (tmp_path / "one").write_text("one")
    disk.point(tmp_path / "link", tmp_path / "one")
    monkeypatch.setattr(Path, "replace", refuse(errno.EROFS))
    with pytest.raises(StorageFailed):
        disk.point(tmp_path / "link", tmp_path / "two")
    assert (tmp_path / "link").read_text() == "one"


def test_removing_what_is_not_there_is_no_failure(tmp_path: Path) -> None:
    """Removal is about what is left, not about what was done."""
    disk.remove(tmp_path / "nothing")
    with pytest.raises(StorageFailed):
        disk.remove(tmp_path)
