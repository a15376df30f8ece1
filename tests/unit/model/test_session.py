"""What a build spills to the disk: seen by nobody else, and left behind by no build that comes after."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.errors import CorruptFile, StorageFailed
from pipelines.model.session import release_faults, session

if TYPE_CHECKING:
    from pathlib import Path

LITTLE = "10MB"
TOO_MUCH = "create temp table t as select md5(i::varchar) as x from range(500_000) as r(i)"
"""Makes a table that does not fit into so little memory."""


def test_what_is_spilled_is_its_owners_alone_and_gone_at_the_end(tmp_path: Path) -> None:
    """Rows that do not fit into memory are written into a folder that nobody else can open."""
    spill = tmp_path / "warehouse" / "build.spill"
    with session(spill, threads=1, memory_limit=LITTLE) as connection:
        connection.execute(TOO_MUCH)
        assert [*spill.iterdir()]
        assert stat.S_IMODE(spill.stat().st_mode) == 0o700
    assert not spill.exists()


def test_what_a_killed_build_spilled_is_removed_by_the_next(tmp_path: Path) -> None:
    """It is not masked, so it does not wait for someone to find it."""
    spill = tmp_path / "build.spill"
    spill.mkdir(mode=0o755)
    (spill / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("ann@example.com")
    with session(spill):
        assert [*spill.iterdir()] == []
        assert stat.S_IMODE(spill.stat().st_mode) == 0o700
    assert not spill.exists()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_spill_folder_that_is_a_link_is_followed(tmp_path: Path, *, is_there: bool) -> None:
    """On another disk the folder is emptied of what DuckDB spilled, is its owner's alone, and stays with the rest."""
    spill, bigger = tmp_path / "build.spill", tmp_path / "bigger"
    spill.symlink_to(bigger)
    if is_there:
        bigger.mkdir(mode=0o755)
        (bigger / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("ann@example.com")
        (bigger / "notes").touch()
    rest = [bigger / "notes"] if is_there else []
    with session(spill, threads=1, memory_limit=LITTLE) as connection:
        assert [*bigger.iterdir()] == rest
        assert stat.S_IMODE(bigger.stat().st_mode) == 0o700
        connection.execute(TOO_MUCH)
        assert len([*bigger.iterdir()]) > len(rest)
    assert spill.is_symlink()
    assert [*bigger.iterdir()] == rest


def test_what_cannot_be_removed_from_the_spill_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of another user stops the build, and the message says which."""
    spilled = tmp_path / "duckdb_temp_storage_DEFAULT-0.tmp"
    spilled.touch()

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(StorageFailed, match=str(spilled)), session(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_a_storage_failure(tmp_path: Path) -> None:
    """The message says where and what to do."""
    (tmp_path / "warehouse").write_text("a file, where a folder should be")
    with (
        pytest.raises(StorageFailed, match=str(tmp_path / "warehouse" / "spill")),
        session(tmp_path / "warehouse" / "spill"),
    ):
        pass


def test_a_disk_that_refuses_a_write_is_a_storage_failure() -> None:
    """The release is not to blame, so the message says what the disk said and not to build it again."""
    errors = [
        duckdb.IOException('IO Error: Could not write file "x.tmp": No space left on device'),
        duckdb.IOException("IO Error: Async write failed for range [offset=0, size=1]"),
        duckdb.IOException('IO Error: Failed to create directory "x.spill": Not a directory'),
        duckdb.OutOfMemoryException(
            "Out of Memory Error: failed to offload data\nThis limit was set by 'max_temp_directory_size'."
        ),
    ]
    for error in errors:
        with pytest.raises(StorageFailed) as told, release_faults(lambda: None):
            raise error
        assert str(error).partition("\n")[0] in str(told.value)
        assert "make rebuild" not in str(told.value)


def test_a_spill_folder_that_cannot_be_made_while_a_query_runs_is_a_storage_failure(tmp_path: Path) -> None:
    """What DuckDB itself says then is understood."""
    (tmp_path / "file").touch()
    config = {"temp_directory": str(tmp_path / "file" / "spill"), "memory_limit": LITTLE, "threads": "1"}
    with duckdb.connect(config=config) as connection, pytest.raises(StorageFailed), release_faults(lambda: None):
        connection.execute(TOO_MUCH)


def test_a_file_that_cannot_be_opened_is_a_corrupt_file(tmp_path: Path) -> None:
    """Missing or damaged, nothing was written, so the message says to build it again."""
    (tmp_path / "damaged").write_bytes(b"no database")
    for path in (tmp_path / "missing", tmp_path / "damaged"):
        with pytest.raises(CorruptFile, match="make rebuild"), release_faults(lambda path=path: path):
            duckdb.connect(str(path), read_only=True)


def test_any_other_error_of_duckdb_stays_as_it_is() -> None:
    """It tells of neither the release nor the disk."""
    with pytest.raises(duckdb.ConversionException), release_faults(lambda: None), duckdb.connect() as connection:
        connection.execute("select 'x'::int")
