"""One subject's file: its link is asked for until the file is ready, then it is downloaded.

    not ready -> wait, longer each time -> ready -> download -> kept in the ledger, by name and digest
                                                       `-> failed, or the link expired: a fresh link

The link is a secret: it goes to the caller's `download` and nowhere else. What the file holds is `land/`'s business.
How soon a file is ready after it was first asked for, and how often one may ask, is not documented: we wait gently.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.errors import RequestUnanswered
from pipelines.extract.replies import strange
from pipelines.pages import FetchedFile, Proof, SliceResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.extract.ledger import Ledger
    from pipelines.extract.replies import ApiCaller, ApiReply
    from pipelines.pages import Slice

DOWNLOADS = 3
"""How often a file is downloaded, each time by a fresh link."""
FIRST_WAIT, LONGEST_WAIT = 15.0, 60.0
"""Seconds between two askings for a link."""
NOT_READY = "NotReady"
"""Our own code: the service is still making the file."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How waiting is done: a steady time in seconds, and a sleep that leaves others their turn."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


STEADY = Clock()
"""The machine's own."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """The file of one subject. `folder` is where downloads go, `until` the clock's time up to which it is waited for.

    `about` says in messages whose file of when it is. `slots` bounds the requests under way, none is held while it
    waits; `downloads` bounds the files under way, each with its further links, so that a store that gives none is found
    out by a few.
    """

    dataset: Dataset
    slice: Slice
    about: str
    parameters: dict[str, Any]
    folder: Path
    until: float
    clock: Clock
    caller: ApiCaller
    ledger: Ledger
    slots: asyncio.Semaphore
    downloads: asyncio.Semaphore
    progress: Callable[[int, int], None]

    async def pull(self) -> tuple[SliceResult, FetchedFile]:
        """Return the file, and what is known of it: landing counts its rows.

        Raises RequestFailed: with the code NotReady if the service did not have it ready in time, that of the download
        if no link led to it.
        """
        file = self.ledger.file(self.slice, self.folder)
        self.progress(1 if file else 0, 1)
        if file is None:
            file = await self._fetch()
            self.ledger.keep_file(file)
            self.progress(1, 0)
        outcome = SliceResult(
            customer_uin=self.slice.customer_uin,
            slice_params=self.slice.slice_params,
            proof=Proof.PROVEN,
            rows=0,
            expected_rows=None,
            cost=None,
            proven_at=file.fetched_at,
            digest=file.digest,
        )
        return outcome, file

    async def _fetch(self) -> FetchedFile:
        reply, url = await self._link()
        async with self.downloads:
            for links in range(1, DOWNLOADS + 1):
                try:
                    download = await self.caller.download(url, self.folder)
                except RequestUnanswered as error:
                    if links == DOWNLOADS:
                        text = f"{self.about}: {DOWNLOADS} links led to no file; the last: {error}"
                        raise self._failed(text, error.code, reply) from error
                    reply, url = await self._link()
                else:
                    break
        return FetchedFile(self.slice, download.path, download.digest, reply.request_id, reply.received_at)

    async def _link(self) -> tuple[ApiReply, str]:
        """Ask until there is a link; give up when time is over."""
        wait = FIRST_WAIT
        while True:
            async with self.slots:
                reply = await self.caller.call(self.dataset.action, self.parameters)
            if url := self._read(reply):
                return reply, url
            left = self.until - self.clock.now()
            if left <= 0:
                text = f"{self.about}: the service is still making the file (RequestId {reply.request_id})"
                raise self._failed(f"{text}; a later run carries on.", NOT_READY, reply)
            await self.clock.sleep(min(wait, left))
            wait = min(2 * wait, LONGEST_WAIT)

    def _read(self, reply: ApiReply) -> str | None:
        """Return the link, None while there is none. Raises RequestUnanswered for a reply of another shape."""
        try:
            url, ready = reply.response["DownloadUrl"], reply.response["Ready"]
        except KeyError as error:
            raise strange(reply, self.dataset.action, self.slice, error) from error
        if not isinstance(url, str | None):
            raise strange(reply, self.dataset.action, self.slice, TypeError())
        return url if ready == "1" else None

    def _failed(self, text: str, code: str, reply: ApiReply) -> RequestUnanswered:
        return RequestUnanswered(
            text,
            action=self.dataset.action.name,
            code=code,
            request_id=reply.request_id,
            customer_uin=self.slice.customer_uin,
        )
