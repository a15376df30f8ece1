"""The secret that masks are made with: made once, its owner's alone, and never silently another."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from pipelines import paths
from pipelines.errors import StorageFailed
from pipelines.publish.release import _kept_secret, _mask_secret

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_made_once(tmp_path: Path) -> None:
    """It is 64 digits that only the owner can read, and asked for again it is the same."""
    assert _kept_secret(tmp_path) is None
    secret = _mask_secret(tmp_path)
    assert len(secret) == len(bytes.fromhex(secret)) * 2 == 64
    assert _mask_secret(tmp_path) == _kept_secret(tmp_path) == secret
    assert stat.S_IMODE(paths.mask_secret(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("damaged", [b"\xff", b"", b"\n", b"0123abcd", b"g" * 64, b"0" * 65])
def test_one_that_cannot_be_read_is_not_replaced(tmp_path: Path, damaged: bytes) -> None:
    """With another secret old masks would join no more: it is for a person to put it back, or to move it away."""
    _mask_secret(tmp_path)
    paths.mask_secret(tmp_path).write_bytes(damaged)
    with pytest.raises(
        StorageFailed, match=r"mask_secret cannot be read .* put it back from a backup, or move it away"
    ):
        _mask_secret(tmp_path)
    assert paths.mask_secret(tmp_path).read_bytes() == damaged
