"""Keeping under the service's limits: before each request a slot is taken, by rules that all processes of a home share.

The state is one small file per key and action, locked for the microseconds of each look. `slots` decides; this module
stores, locks and sleeps. What a request is does not belong here.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import secrets
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

from pipelines.client.slots import Rate, Schedule
from pipelines.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from pipelines.endpoints.shapes import Action

ON_TIME = 0.002
"""Seconds between a claim and the request's leaving that need no correction; the margin is many times that."""

_MOST_BYTES = 1 << 20


class Slot(Protocol):
    """The right to send one request. It counts from when the request really left."""

    async def before_send(self) -> None:
        """Say that the request is about to be written; waits if its moment passed, as after a slow handshake."""

    def after_send(self) -> None:
        """Say that the request was written. The end of the `slot()` block says so too."""


class Pacer(Protocol):
    """Decides when a request may leave."""

    def slot(self, action: Action) -> AbstractAsyncContextManager[Slot]:
        """Wait for the action's next slot; send the request inside the block."""

    def penalise(self, action: Action) -> None:
        """Say that the service answered this action with throttling."""


def pacing_key(endpoint: str, secret_id: str, group: str | None = None) -> str:
    """Return what the service counts requests under: the endpoint's host and the key, the latter as a digest.

    `group` names several keys that are counted together (the service also limits a root account as a whole, document
    1278/109059). The result is safe as a file name.
    """
    owner = f"group-{group}" if group else hashlib.sha256(secret_id.encode()).hexdigest()[:16]
    return quote(f"{urlsplit(endpoint).netloc.lower()}+{owner}", safe="+")


class FreePacer:
    """No pacing at all: for tests, and for measuring everything but the limits."""

    @asynccontextmanager
    async def slot(self, action: Action) -> AsyncIterator[Slot]:  # noqa: ARG002  the protocol's parameter
        """Give a slot at once."""
        yield _FreeSlot()

    def penalise(self, action: Action) -> None:
        """Do nothing."""


class _FreeSlot:
    async def before_send(self) -> None:
        """Do not wait."""

    def after_send(self) -> None:
        """Do nothing."""


def _boot_id() -> str:
    """The system's id of this boot, where it has one: the monotonic clock starts anew with each."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class DiskPacer:
    """Paces all processes that use the same `folder` and `key` together; one object serves one event loop.

    `limits` overrides the catalogue's limits by action name, in requests per second (0 or None: not paced). `margin` is
    the part of each second left free. `clock` must be one for all processes and never go back, as the monotonic one of
    a machine; `boot_id` tells it from that of an earlier boot. Raises StorageFailed if the state cannot be kept.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        limits: Mapping[str, int | None] = MappingProxyType({}),
        margin: float = 0.03,
        *,
        clock: Callable[[], float] = time.monotonic,
        boot_id: str | None = None,
    ) -> None:
        self._folder = folder
        self._key = key
        self._limits = limits
        self._margin = margin
        self._clock = clock
        self._boot_id = _boot_id() if boot_id is None else boot_id
        self._turns: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def slot(self, action: Action) -> AsyncIterator[Slot]:
        """Wait for the action's next slot, behind this process's earlier callers and in turn with other processes."""
        limit = self._limits.get(action.name, action.limit)
        if not limit:
            yield _FreeSlot()
            return
        slot = _DiskSlot(self._state(action), self._clock)
        async with self._turns.setdefault(action.name, asyncio.Lock()):
            await slot.claim()
        try:
            yield slot
        finally:
            slot.after_send()

    def penalise(self, action: Action) -> None:
        """Hold everyone's requests of this action back for a second, then space them wider until a minute is clean."""
        if self._limits.get(action.name, action.limit):
            with self._state(action).opened() as (schedule, now, rate):
                schedule.penalise(now, rate)

    def _state(self, action: Action) -> _SharedState:
        rate = Rate(self._limits.get(action.name, action.limit) or action.limit, self._margin)
        path = self._folder / f"{self._key}.{action.name}.json"
        return _SharedState(path, rate, self._clock, self._boot_id)


@dataclass(frozen=True, slots=True)
class _SharedState:
    """The state file of one action."""

    path: Path
    rate: Rate
    clock: Callable[[], float]
    boot_id: str

    @contextmanager
    def opened(self) -> Iterator[tuple[Schedule, float, Rate]]:
        """Give the state, the time and the rate, alone of all processes; keep what the block made of the state."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)  # gone with the descriptor, however this process ends
                now = self.clock()
                schedule = self._read(file, now)
                yield schedule, now, self.rate
                self._write(file, schedule)
            finally:
                os.close(file)
        except OSError as error:
            raise StorageFailed(
                f"Cannot keep the pacing state {self.path}: {error.strerror or error}. Mend the disk, then run again."
            ) from error

    def _read(self, file: int, now: float) -> Schedule:
        text = os.pread(file, _MOST_BYTES, 0).decode(errors="replace")
        if not text:  # just made: nothing has been sent under this key
            return Schedule(due=now, clock=self.boot_id)
        return Schedule.loads(text, self.boot_id, now, self.rate)

    def _write(self, file: int, schedule: Schedule) -> None:
        content = schedule.dumps().encode()
        if os.pwrite(file, content, 0) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(file, len(content))


@dataclass(slots=True)
class _DiskSlot:
    """One claim: made when it is due, moved if the request leaves late."""

    state: _SharedState
    clock: Callable[[], float]
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    counted_at: float = 0.0
    done: bool = False

    async def claim(self) -> None:
        """Wait until the slot is due and take it."""
        try:
            await _until_done(self._try_to_claim)
        except BaseException:
            with suppress(StorageFailed), self.state.opened() as (schedule, _, _):
                schedule.forget(self.token)
            raise

    async def before_send(self) -> None:
        """Move the claim to now if it is no longer fresh, waiting for room in the window."""
        if self._is_late():
            await _until_done(self._try_to_move)

    def after_send(self) -> None:
        """Record when the request left, if that was later than counted. Only the first call counts."""
        if not self.done and self._is_late():
            with self.state.opened() as (schedule, now, rate):
                schedule.correct_claim(self.token, now, rate)
        self.done = True

    def _is_late(self) -> bool:
        return self.clock() - self.counted_at > ON_TIME

    def _try_to_claim(self) -> float:
        with self.state.opened() as (schedule, now, rate):
            wait = schedule.wait(self.token, now, rate)
            if wait <= 0:
                schedule.claim(self.token, now, rate)
                self.counted_at = now
        return wait

    def _try_to_move(self) -> float:
        with self.state.opened() as (schedule, now, rate):
            wait = schedule.move_claim(self.token, now, rate)
            if wait <= 0:
                self.counted_at = now
        return wait


async def _until_done(attempt: Callable[[], float]) -> None:
    """Call `attempt` again after each number of seconds it returns, until that is 0 or less."""
    while True:
        wait = attempt()
        if wait <= 0:
            return
        await asyncio.sleep(wait)
