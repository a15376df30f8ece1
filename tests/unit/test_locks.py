"""One run at a time: who is refused is told by whom, and what a killed run held is free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Never

import pytest

from pipelines import locks
from pipelines.errors import Busy, StorageFailed

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from pathlib import Path
from pipelines import locks
with locks.held(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up at once where a run would try for a moment."""
    monkeypatch.setattr(locks, "_PROBE", 0.0)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock nobody has taken yet, in a folder that is not there yet."""
    return tmp_path / "locks" / "acme" / "2026-10.lock"


@pytest.fixture
def holder(lock: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_run_is_refused_and_told_why(lock: Path, holder: subprocess.Popen[bytes]) -> None:
    """Busy names what is worked on, the process that works on it and the lock."""
    with pytest.raises(Busy) as refusal, locks.held(lock, "account 'acme', month 2026-10"):
        pytest.fail("the lock was given twice")
    facts = ("account 'acme', month 2026-10", f"process {holder.pid},", str(lock))
    assert [fact for fact in facts if fact not in str(refusal.value)] == []
    assert refusal.value.rerun_helps


def test_a_killed_holders_lock_is_free(lock: Path, holder: subprocess.Popen[bytes]) -> None:
    """A run killed with SIGKILL leaves no lock behind."""
    assert locks.is_held(lock)
    holder.kill()
    holder.wait()
    assert not locks.is_held(lock)
    with locks.held(lock, "it"):
        assert f"process {os.getpid()}," in lock.read_text()


def test_a_run_in_the_same_process_is_refused_too(lock: Path) -> None:
    """The lock keeps out another run of the same process, which Dagster's in-process runs can be."""
    with locks.held(lock, "it"), pytest.raises(Busy), locks.held(lock, "it"):
        pytest.fail("the lock was given twice")


def test_the_lock_is_free_after_its_block_even_if_that_fails(lock: Path) -> Never:
    """A failing run gives its lock back."""
    with pytest.raises(KeyError), locks.held(lock, "it"):
        raise KeyError
    assert not locks.is_held(lock)


def test_another_thread_can_give_the_lock_back(lock: Path) -> None:
    """A run that ends in another thread than it began in still gives its lock back."""
    block = locks.held(lock, "it")
    block.__enter__()
    thread = threading.Thread(target=block.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    assert not locks.is_held(lock)


def test_a_lock_that_was_never_taken_is_not_held(lock: Path) -> None:
    """Looking at a lock creates neither it nor its folder."""
    assert not locks.is_held(lock)
    assert not lock.parent.exists()


def test_asking_whether_a_lock_is_held_does_not_take_it(lock: Path) -> None:
    """After asking, the lock is as free, and still says who had it last."""
    with locks.held(lock, "it"):
        said = lock.read_text()
    assert not locks.is_held(lock)
    assert lock.read_text() == said
    with locks.held(lock, "it"):
        assert locks.is_held(lock)


def test_a_run_waits_out_somebody_who_only_asks(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is free again within a moment is taken: asking whether it is held never makes a run fail."""
    monkeypatch.setattr(locks, "_PROBE", 30.0)
    first = locks.held(lock, "it")
    first.__enter__()
    asked = threading.Timer(0.01, first.__exit__, args=(None, None, None))
    asked.start()
    with locks.held(lock, "it"):
        assert locks.is_held(lock)
    asked.join()


def test_only_the_owner_can_read_a_lock(lock: Path) -> None:
    """The lock and its folder are the owner's alone."""
    with locks.held(lock, "it"):
        assert lock.stat().st_mode & 0o777 == 0o600
    assert lock.parent.stat().st_mode & 0o777 == 0o700


def test_a_lock_that_cannot_be_made_is_the_disks_fault(tmp_path: Path) -> None:
    """A folder that cannot be made is told as a refusal of the disk, with the lock's name."""
    (tmp_path / "locks").write_text("a file where a folder should be")
    lock = tmp_path / "locks" / "build.lock"
    with pytest.raises(StorageFailed, match=r"build\.lock"), locks.held(lock, "the build"):
        pytest.fail("the lock was given")
    assert not (tmp_path / "locks").is_dir()


def test_a_lock_that_cannot_be_written_is_given_back(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, met when the lock is signed, is told as such and leaves the lock free."""

    def full(self: Any, text: str) -> Never:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(StorageFailed, match="No space left on device"), locks.held(lock, "it"):
            pytest.fail("the lock was given")
    assert not locks.is_held(lock)
