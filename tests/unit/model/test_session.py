"""What a build spills to the disk: seen by nobody else, and left behind by no build that comes after."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from pipelines.errors import StorageFailed
from pipelines.model.session import session

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_spilled_is_its_owners_alone_and_gone_at_the_end(tmp_path: Path) -> None:
    """Rows that do not fit into memory are written into a folder that nobody else can open."""
    spill = tmp_path / "warehouse" / "build.spill"
    with session(spill, threads=1, memory_limit="40MB") as connection:
        connection.execute("create temp table t as select md5(i::varchar) as x from range(2_000_000) as r(i)")
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


def test_a_folder_that_cannot_be_made_is_a_storage_failure(tmp_path: Path) -> None:
    """The message says where and what to do."""
    (tmp_path / "warehouse").write_text("a file, where a folder should be")
    with pytest.raises(StorageFailed, match="The disk refused the build"), session(tmp_path / "warehouse" / "spill"):
        pass
