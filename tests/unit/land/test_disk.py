"""A disk that refuses, at any moment of a landing: the file that was there stays, and nothing else is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.pages import Page

import errno
import itertools
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import land
from pipelines.errors import CorruptFile, StorageFailed
from pipelines.land import disk
from pipelines.pages import Proof
from tests.unit.land.conftest import CUSTOMERS, DETAIL, FAILED, Lake, Pull, line
from tests.unit.matrix import check_all

FULL = OSError(errno.ENOSPC, "No space left on device")
READ_ONLY = OSError(errno.EROFS, "Read-only file system")


def failing(real: Callable[..., Any], error: OSError, nth: int) -> Callable[..., Any]:
    """Do the real thing, but refuse its `nth` call."""
    calls = itertools.count(1)

    def call(*values: Any, **named: Any) -> Any:
        if next(calls) == nth:
            raise error
        return real(*values, **named)

    return call


def at_open(patch: pytest.MonkeyPatch, error: Any, nth: int) -> None:
    """Refuse to open a file for writing."""
    patch.setattr(disk, "open_for_writing", failing(disk.open_for_writing, error, nth))


def at_write(patch: pytest.MonkeyPatch, error: Any, nth: int) -> None:
    """Refuse to write some bytes."""
    patch.setattr(disk.HashedFile, "write", failing(disk.HashedFile.write, error, nth))


def at_sync(patch: pytest.MonkeyPatch, error: Any, nth: int) -> None:
    """Refuse to bring a file, or a folder, to the disk."""
    patch.setattr(disk.os, "fsync", failing(os.fsync, error, nth))


def at_replace(patch: pytest.MonkeyPatch, error: Any, nth: int) -> None:
    """Refuse to put a file in the place of another."""
    patch.setattr(Path, "replace", failing(Path.replace, error, nth))


def test_a_refusal_leaves_what_was_there(tmp_path: Path) -> None:
    """Wherever the disk refuses, the old file stays, nothing is left beside it, and the next run lands it."""
    landed = Lake(tmp_path / "landed")
    landed.land({"1": Pull([line("a")]), "2": Pull([line("b")])})

    def check(refuse: Any, nth: int, error: OSError) -> None:
        lake = Lake(tmp_path / f"{refuse.__name__} {nth} {error.errno}")
        shutil.copytree(landed.home, lake.home)
        lake.hour = landed.hour
        path = lake.partition().path
        before = path.read_bytes()
        with pytest.MonkeyPatch.context() as patch:
            refuse(patch, error, nth)
            with pytest.raises(StorageFailed) as failure:
                lake.land({"1": Pull([line("c")])})
        assert path.read_bytes() == before
        assert not [file for file in lake.files() if file.endswith((".aside", ".spill"))]
        assert [fact for fact in (error.strerror, str(lake.home)) if fact not in str(failure.value)] == []
        assert failure.value.rerun_helps
        file = lake.land({"1": Pull([line("c")])})
        assert sorted(lake.rows("Id")) == [("b",), ("c",)]
        assert [sorted(row["Id"] for row in entry) for entry in lake.changes(file)] == [["a", "c"]]

    moments = [(at_open, 2), (at_write, 1), (at_write, 2), (at_write, 20), (at_sync, 1), (at_sync, 2), (at_replace, 2)]
    cases = [(*moment, FULL) for moment in moments] + [(at_open, 1, READ_ONLY), (at_replace, 1, READ_ONLY)]
    check_all(check, cases)


@pytest.mark.parametrize("refuse", [at_open, at_write, at_sync, at_replace])
def test_a_first_landing_that_is_refused_leaves_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, refuse: Any
) -> None:
    """Where nothing was landed before, a refusal leaves no file at all."""
    with monkeypatch.context() as patch:
        refuse(patch, FULL, 1)
        with pytest.raises(StorageFailed, match="No space left on device"):
            lake.land({"1": Pull([line("a")])})
    assert lake.files() == set()


def test_a_folder_that_cannot_be_made_is_told(lake: Lake) -> None:
    """A lake that cannot hold folders is a refusal of the disk."""
    lake.home.mkdir()
    (lake.home / "lake").write_text("a file where a folder should be")
    with pytest.raises(StorageFailed, match=r"data\.parquet"):
        lake.land({"1": Pull([line("a")])})


def test_what_does_not_read_back_is_not_put_in_place(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that keeps other bytes than it was given is found before the old file is replaced."""
    lake.land({"1": Pull([line("a")])})
    before = lake.partition().path.read_bytes()
    sync = os.fsync

    def spoil(descriptor: int) -> None:
        sync(descriptor)
        aside = lake.partition().path.with_name("data.parquet.aside")
        content = bytearray(aside.read_bytes())
        content[len(content) // 10] ^= 0xFF
        aside.write_bytes(content)

    with monkeypatch.context() as patch:
        patch.setattr(disk.os, "fsync", spoil)
        with pytest.raises(StorageFailed, match=r"data\.parquet"):
            lake.land({"1": Pull([line("b", ProductName="x" * 500)])})
    assert lake.partition().path.read_bytes() == before
    assert not [file for file in lake.files() if file.endswith(".aside")]


@pytest.mark.parametrize("pulls", [{"1": FAILED}, {"2": Pull([line("c")])}, {"1": Pull([line("c")])}])
def test_a_damaged_old_file_is_not_built_upon(lake: Lake, pulls: Any) -> None:
    """Damage in what was landed before is told as damage. The damaged file is set aside: the next run lands anew."""
    lake.land({"1": Pull([line(str(number)) for number in range(50)])})
    path = lake.partition().path
    content = bytearray(path.read_bytes())
    content[600] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match=r"data\.parquet"):
        lake.land(pulls)
    assert not path.exists()
    [aside] = path.parent.glob("unreadable-*.parquet")
    assert aside.read_bytes() == content
    lake.land({"1": Pull([line("a")])})
    assert lake.rows("Id") == [("a",)]


def test_a_leftover_of_a_killed_landing_is_overwritten(lake: Lake) -> None:
    """What a killed landing left beside the file does not disturb the next."""
    aside = lake.partition().path.with_name("data.parquet.aside")
    aside.parent.mkdir(parents=True)
    aside.write_bytes(b"half a file" * 10_000)
    lake.land({"1": Pull([line("a")])})
    assert lake.rows("Id") == [("a",)]
    assert not aside.exists()


def test_only_the_owner_can_read_the_lake(lake: Lake) -> None:
    """Landed files, change log entries, what is kept of drift, and their folders are the owner's alone."""
    lake.land({"1": Pull([line("a")])})
    lake.land({"1": Pull([line("b")])})
    files = [lake.home / file for file in lake.files()]
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {file.parent.stat().st_mode & 0o777 for file in files} == {0o700}


def test_everything_is_on_the_disk_before_the_replace(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, change log entry and drift are synced and in place before the file is replaced, the folder after."""
    steps = []
    sync, move = os.fsync, Path.replace
    monkeypatch.setattr(disk.os, "fsync", lambda descriptor: (steps.append("sync"), sync(descriptor)))
    monkeypatch.setattr(Path, "replace", lambda self, target: (steps.append(target.name), move(self, target))[1])
    lake.land({"1": Pull([line("a")])})
    assert steps == ["sync", "sync", "account=acme.json", "sync", "data.parquet", "sync"]
    steps.clear()
    entry = lake.land({"1": Pull([line("b")])}).manifest.changes[-1]
    assert steps == ["sync", "sync", entry, "sync", "data.parquet", "sync"]


def test_a_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    """The digest kept while writing is SHA-256 of what was written."""
    with disk.written_aside(tmp_path / "file") as (aside, file):
        file.write(b"ab")
        file.write(b"c")
        assert file.tell() == 3
        assert not file.closed
    assert file.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert aside.read_bytes() == b"abc"


def test_a_customer_list_is_kept_as_carefully(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset that is replaced whole is as safe from a full disk."""
    lake.land({None: Pull([{"CustomerUin": "1"}])}, CUSTOMERS, None)
    with monkeypatch.context() as patch:
        at_replace(patch, FULL, 2)
        with pytest.raises(StorageFailed):
            lake.land({None: Pull([{"CustomerUin": "2"}])}, CUSTOMERS, None)
    assert lake.rows("CustomerUin", dataset=CUSTOMERS) == [("1",)]


def test_pages_that_cannot_be_read_leave_what_was_there(lake: Lake) -> None:
    """Where the pulled pages themselves fail midway, nothing of them lands."""
    lake.land({"1": Pull([line("a")])})
    before = lake.partition().path.read_bytes()
    pulled = lake.pulled(DETAIL, {"1": Pull([line("b"), line("c"), line("d")], Proof.PROVEN)})

    def broken() -> Iterator[Page]:
        yield pulled.pages[0]
        raise CorruptFile("the ledger is damaged")

    with pytest.raises(CorruptFile, match="the ledger is damaged"):
        land.land(lake.partition(), replace(pulled, pages=broken()))
    assert lake.partition().path.read_bytes() == before
    assert not [file for file in lake.files() if file.endswith(".aside")]
