"""Fetching of one slice's file: its link is requested until the file is ready, then the file is downloaded.

    not ready -> wait, longer each time -> ready -> download -> stored in the ledger, by name and digest
                                                       `-> failed, or the link expired: a new link

The link is a secret: it is passed to the caller's `download` and nowhere else. No document says how soon a file is
ready after the first request, nor how often its link may be requested, so waits are long. `land` reads the files.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.errors import RequestUnanswered
from pipelines.extract.replies import unknown_shape
from pipelines.pages import FetchedFile, Proof, SliceResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.extract.ledger import Ledger
    from pipelines.extract.replies import ApiCaller, ApiReply
    from pipelines.pages import Slice

DOWNLOADS = 3
"""Attempts to download a file, each with a new link."""
FIRST_WAIT, LONGEST_WAIT = 15.0, 60.0
"""Seconds between two requests for a link: at first, and at most."""
NOT_READY = "NotReady"
"""Our own error code: the service is still making the file."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time source for waiting: a monotonic time in seconds, and an asynchronous sleep."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


STEADY = Clock()
"""The machine's monotonic clock."""


@dataclass(frozen=True, slots=True)
class FileFetch:
    """Fetch of one slice's file.

    `about` names the file in messages: action, account, customer and partition key. Downloads go to `folder`. `until`
    is the clock's time up to which to wait for the file. `slots` limits the requests in flight; no slot is held while
    waiting. `downloads` limits the files being downloaded, including their further links, so that a store that is down
    is noticed after a few.
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
        """Return the file and its result, whose rows are counted when it lands.

        Raises RequestFailed, with the code NotReady if the file is not ready in time, or the code of the last failed
        download.
        """
        file = self.ledger.file(self.slice, self.folder)
        self.progress(1 if file else 0, 1)
        if file is None:
            file = await self._fetch()
            self.ledger.keep_file(file)
            self.progress(1, 0)
        result = SliceResult(
            customer_uin=self.slice.customer_uin,
            slice_params=self.slice.slice_params,
            proof=Proof.PROVEN,
            rows=0,
            expected_rows=None,
            cost=None,
            proven_at=file.fetched_at,
            digest=file.digest,
        )
        return result, file

    async def _fetch(self) -> FetchedFile:
        reply, url = await self._link()
        async with self.downloads:
            for links in range(1, DOWNLOADS + 1):
                try:
                    download = await self.caller.download(url, self.folder)
                except RequestUnanswered as error:
                    if links == DOWNLOADS:
                        text = f"{self.about}: {DOWNLOADS} downloads failed; the last: {error}"
                        raise self._failed(text, error.code, reply) from error
                    reply, url = await self._link()
                else:
                    break
        return FetchedFile(self.slice, download.path, download.digest, reply.request_id, reply.received_at)

    async def _link(self) -> tuple[ApiReply, str]:
        """Request the link until there is one. Raises RequestUnanswered when the time is over."""
        wait = FIRST_WAIT
        while True:
            async with self.slots:
                reply = await self.caller.call(self.dataset.action, self.parameters)
            if url := self._read_link(reply):
                return reply, url
            remaining = self.until - self.clock.now()
            if remaining <= 0:
                text = f"{self.about}: the service is still making the file (RequestId {reply.request_id})"
                raise self._failed(f"{text}. Run again later to fetch it.", NOT_READY, reply)
            await self.clock.sleep(min(wait, remaining))
            wait = min(2 * wait, LONGEST_WAIT)

    def _read_link(self, reply: ApiReply) -> str | None:
        """Return the link, None while there is none. Raises RequestUnanswered if the reply has another shape."""
        try:
            url, ready = reply.response["DownloadUrl"], reply.response["Ready"]
        except KeyError as error:
            raise unknown_shape(reply, self.dataset.action, self.slice, error) from error
        if not isinstance(url, str | None):
            raise unknown_shape(reply, self.dataset.action, self.slice, TypeError())
        return url if ready == "1" else None

    def _failed(self, text: str, code: str, reply: ApiReply) -> RequestUnanswered:
        return RequestUnanswered(
            text,
            action=self.dataset.action.name,
            code=code,
            request_id=reply.request_id,
            customer_uin=self.slice.customer_uin,
        )
