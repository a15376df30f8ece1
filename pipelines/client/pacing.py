"""Keeps all processes of a home together under the service's rate limits: each request waits for a slot.

The state is one small file per access key and action, locked only while it is read and written. `slots` does the
arithmetic; this module stores, locks and sleeps.
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
"""Seconds between claim and sending that need no correction. The margin is many times larger."""

_MOST_BYTES = 1 << 20


class Slot(Protocol):
    """The right to send one request. It counts from the moment the request is really sent."""

    async def before_send(self) -> None:
        """Call right before the request is written. Waits if the slot is past, for example after a slow handshake."""

    def after_send(self) -> None:
        """Call when the request was written. The end of the `slot()` block does so too."""


class Pacer(Protocol):
    """Decides when a request may leave."""

    def slot(self, action: Action) -> AbstractAsyncContextManager[Slot]:
        """Wait for the action's next slot. Send the request inside the block."""

    def penalise(self, action: Action) -> None:
        """Call when the service answered a request of this action with throttling."""


def pacing_key(endpoint: str, secret_id: str, group: str | None = None) -> str:
    """Return a name, safe as a file name, for what the service counts together: the endpoint's host and the key.

    The key is hashed. `group` replaces it for several keys that are counted together: the service also limits a root
    account as a whole (document 1278/109059).
    """
    owner = f"group-{group}" if group else hashlib.sha256(secret_id.encode()).hexdigest()[:16]
    return quote(f"{urlsplit(endpoint).netloc.lower()}+{owner}", safe="+")


class FreePacer:
    """A pacer that never waits, for tests and benchmarks."""

    @asynccontextmanager
    async def slot(self, action: Action) -> AsyncIterator[Slot]:  # noqa: ARG002  the protocol's parameter
        """Give a slot at once."""
        yield _FreeSlot()

    def penalise(self, action: Action) -> None:
        """Do nothing."""


class _FreeSlot:
    """A slot that never waits."""

    async def before_send(self) -> None:
        """Do not wait."""

    def after_send(self) -> None:
        """Do nothing."""


def _boot_id() -> str:
    """Return the system's id of this boot, empty if it has none. The monotonic clock restarts with each boot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class DiskPacer:
    """A pacer shared by all processes with the same `folder` and `key`. One object serves one event loop.

    - `limits`: rate limits by action name, in requests per second, in place of the catalogue's. 0 or None: not paced.
    - `margin`: the share of each second that is left free.
    - `clock`: the same for all processes and never going back, such as a machine's monotonic clock.
    - `boot_id`: tells this boot's clock from an earlier one's.

    Raises StorageFailed if the state cannot be written.
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
        self._queues: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def slot(self, action: Action) -> AsyncIterator[Slot]:
        """Wait for the action's next slot, after this process's earlier callers and in turn with other processes."""
        limit = self._limits.get(action.name, action.limit)
        if not limit:
            yield _FreeSlot()
            return
        slot = _DiskSlot(self._state(action), self._clock)
        async with self._queues.setdefault(action.name, asyncio.Lock()):
            await slot.claim()
        try:
            yield slot
        finally:
            slot.after_send()

    def penalise(self, action: Action) -> None:
        """Stop all processes' requests of this action for a second, then widen their interval for a minute."""
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
        """Lock the file and give the state, the time and the rate. The state is written when the block ends."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)  # released with the descriptor, however this process ends
                now = self.clock()
                schedule = self._read(file, now)
                yield schedule, now, self.rate
                self._write(file, schedule)
            finally:
                os.close(file)
        except OSError as error:
            raise StorageFailed(
                f"Cannot write the pacing state {self.path}: {error.strerror or error}. Check the disk, then run again."
            ) from error

    def _read(self, file: int, now: float) -> Schedule:
        text = os.pread(file, _MOST_BYTES, 0).decode(errors="replace")
        if not text:  # new file: nothing has been sent with this key
            return Schedule(due=now, clock=self.boot_id)
        return Schedule.loads(text, self.boot_id, now, self.rate)

    def _write(self, file: int, schedule: Schedule) -> None:
        content = schedule.dumps().encode()
        if os.pwrite(file, content, 0) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(file, len(content))


@dataclass(slots=True)
class _DiskSlot:
    """A slot that is claimed in the shared state when it is due, and moved if the request leaves late."""

    state: _SharedState
    clock: Callable[[], float]
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    claimed_at: float = 0.0
    done: bool = False

    async def claim(self) -> None:
        """Wait until the slot is due and claim it."""
        try:
            await _until_done(self._try_to_claim)
        except BaseException:
            with suppress(StorageFailed), self.state.opened() as (schedule, _, _):
                schedule.forget(self.token)
            raise

    async def before_send(self) -> None:
        """Move the claim to now if its time is past, after waiting for room in the window."""
        if self._is_late():
            await _until_done(self._try_to_move)

    def after_send(self) -> None:
        """Record that the request left, if that was later than its claim. Only the first call counts."""
        if not self.done and self._is_late():
            with self.state.opened() as (schedule, now, rate):
                schedule.correct_claim(self.token, now, rate)
        self.done = True

    def _is_late(self) -> bool:
        return self.clock() - self.claimed_at > ON_TIME

    def _try_to_claim(self) -> float:
        with self.state.opened() as (schedule, now, rate):
            wait = schedule.wait(self.token, now, rate)
            if wait <= 0:
                schedule.claim(self.token, now, rate)
                self.claimed_at = now
        return wait

    def _try_to_move(self) -> float:
        with self.state.opened() as (schedule, now, rate):
            wait = schedule.move_claim(self.token, now, rate)
            if wait <= 0:
                self.claimed_at = now
        return wait


async def _until_done(attempt: Callable[[], float]) -> None:
    """Call `attempt`, and again after the seconds that it returns, until it returns 0 or less."""
    while True:
        wait = attempt()
        if wait <= 0:
            return
        await asyncio.sleep(wait)
