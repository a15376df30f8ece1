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


def test_a_folder_comes_whole_and_read_only(tmp_path: Path) -> None:
    """What is filled in a block is there when it ends, and nothing aside; what a killed run left is forgotten."""
    target = tmp_path / "closed" / "month"
    leftover = target.with_name(".month")
    leftover.mkdir(parents=True)
    (leftover / "half").touch(mode=0o444)
    with disk.folder_in_place(target) as aside:
        (aside / "file").write_text("rows")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["file"]
    assert stat.S_IMODE((target / "file").stat().st_mode) == 0o444
    assert [path.name for path in target.parent.iterdir()] == ["month"]


def test_what_is_in_place_is_not_told_as_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails when the new name is made to last leaves the folder there, and the message says so."""
    target, synced = tmp_path / "month", disk._sync

    def refused(path: Path) -> None:
        if path == tmp_path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        synced(path)

    monkeypatch.setattr(disk, "_sync", refused)
    with (
        pytest.raises(StorageFailed, match="month is in place, but the disk did not confirm it: "),
        disk.folder_in_place(target) as aside,
    ):
        (aside / "file").write_text("rows")
    assert (target / "file").read_text() == "rows"


def test_a_private_file_of_a_folder_is_its_owners_from_the_start(tmp_path: Path) -> None:
    """Before there is anything in it nobody else can read it; in place not even its owner writes it."""
    target = tmp_path / "month"
    with disk.folder_in_place(target, private=("terms",)) as aside:
        assert stat.S_IMODE((aside / "terms").stat().st_mode) == 0o600
        (aside / "terms").write_text("rows")
        (aside / "file").write_text("rows")
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in target.iterdir()} == {
        "terms": 0o400,
        "file": 0o444,
    }


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_refused_folder_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A disk that refuses ends in StorageFailed, and there is no folder, not even a part of one."""
    monkeypatch.setattr(os, call, refuse(errno.ENOSPC))
    with (
        pytest.raises(StorageFailed, match=os.strerror(errno.ENOSPC)),
        disk.folder_in_place(tmp_path / "month") as aside,
    ):
        (aside / "file").write_text("rows")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_kept_under_a_second_name(tmp_path: Path) -> None:
    """The name takes no room of its own, outlives the first one, and takes the place of a leftover."""
    source, target = tmp_path / "source", tmp_path / "closed" / "target"
    source.write_text("rows")
    target.parent.mkdir()
    target.touch(mode=0o444)
    disk.keep(source, target)
    assert target.samefile(source)
    source.unlink()
    assert target.read_text() == "rows"


def test_a_file_is_copied_where_there_are_no_second_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk without hard links the kept file is a read-only copy."""
    monkeypatch.setattr(Path, "hardlink_to", refuse(errno.EPERM))
    source, target = tmp_path / "source", tmp_path / "closed" / "target"
    source.write_text("rows")
    disk.keep(source, target)
    assert target.read_text() == "rows"
    assert not target.samefile(source)
    assert stat.S_IMODE(target.stat().st_mode) == 0o444


def test_a_file_that_a_library_writes_appears_whole_and_private(tmp_path: Path) -> None:
    """While it is written nobody sees it; then it is there at once, its owner's alone, and nothing beside it."""
    target = tmp_path / "folder" / "book"
    with disk.file_in_place(target) as aside:
        aside.write_bytes(b"rows")
        assert stat.S_IMODE(aside.parent.stat().st_mode) == 0o700
        assert not target.exists()
    assert target.read_bytes() == b"rows"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["book"]


def test_a_file_that_is_not_finished_leaves_what_was_there(tmp_path: Path) -> None:
    """Whether the writer fails or the disk refuses, and whatever a killed run left."""
    target = tmp_path / "book"
    target.write_bytes(b"old")
    (tmp_path / ".book").mkdir()
    (tmp_path / ".book" / "left").write_bytes(b"half")

    def write(failure: Exception) -> None:
        with disk.file_in_place(target) as aside:
            aside.write_bytes(b"half")
            raise failure

    with pytest.raises(ZeroDivisionError):
        write(ZeroDivisionError())
    with pytest.raises(StorageFailed, match=os.strerror(errno.ENOSPC)):
        write(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["book"]


def test_a_file_is_whole_and_private(tmp_path: Path) -> None:
    """A file is its owner's only, and nothing stays beside it, whether it is written or the disk refuses."""
    target = tmp_path / "folder" / "page"
    disk.write_into_place(b"rows", target)
    assert target.read_bytes() == b"rows"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", refuse(errno.ENOSPC))
        with pytest.raises(StorageFailed, match=os.strerror(errno.ENOSPC)):
            disk.write_into_place(b"new", target)
    assert target.read_bytes() == b"rows"
    assert [path.name for path in target.parent.iterdir()] == ["page"]


def test_two_who_write_a_file_at_once_share_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is half-way another writes the same file; each is there whole, the later one last."""
    target, written = tmp_path / "page", disk._write

    def half(content: bytes, aside: Path) -> None:
        monkeypatch.setattr(disk, "_write", written)
        aside.write_bytes(content[:3])
        disk.write_into_place(b"second", target)
        assert target.read_bytes() == b"second"
        assert aside.read_bytes() == content[:3]
        written(content, aside)

    monkeypatch.setattr(disk, "_write", half)
    disk.write_into_place(b"first", target)
    assert target.read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_what_killed_runs_left_of_a_file_does_not_pile_up(tmp_path: Path) -> None:
    """What is old goes with the next run; what is new may be another run's, and what is of another file is not its."""
    names = (".page.old", ".page.new", ".page2.old", "page.old")
    for name in names:
        (tmp_path / name).touch()
        if name.endswith("old"):
            os.utime(tmp_path / name, (0, 0))
    disk.write_into_place(b"rows", tmp_path / "page")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".page.new", ".page2.old", "page", "page.old"]


def test_a_private_folder_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    """One that others could open before is closed to them."""
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    disk.private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
