"""The object storage of a sandbox: links to files, and the files behind them.

A link is good only to the letter: one that was decoded and encoded again on the way is refused, as by its signature.
What is in a file, and who may have it, does not belong here (`files`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

LIFETIME = 3600.0
"""Seconds that a link is good for, says the definition."""
MOST_LINKS = 100_000


class File(NamedTuple):
    """A file that can be linked to: its path as a link spells it, with a `{}` for what makes it one of its kind."""

    path: str
    make: Callable[[], bytes]


class _StoredLink(NamedTuple):
    file: File
    made_at: float


class Storage:
    """How often each file was asked for, and the links that were given.

    The first `ready_after` times that a file is asked for, it is still being made. Links are good for `lifetime`
    seconds of the real time. Both can be set while the sandbox runs.
    """

    def __init__(self) -> None:
        self.ready_after = 1
        self.lifetime = LIFETIME
        self._lock = Lock()
        self._asked: Counter[str] = Counter()
        self._links: dict[str, _StoredLink] = {}

    def link(self, file: File, asked: str) -> str:
        """Return a new link to a file, without scheme and host; '' while it is being made. `asked`: the question."""
        with self._lock:
            self._asked[asked] += 1
            if self._asked[asked] <= self.ready_after:
                return ""
            now = time.time()
            target = f"/files/{file.path.format(secrets.token_hex(4))}?{_signature(now, self.lifetime)}"
            self._links[target] = _StoredLink(file, now)
            if len(self._links) > MOST_LINKS:
                self._links.pop(next(iter(self._links)))
            return target

    async def respond(self, request: Request) -> Response:
        """Serve the file behind a link, if it was given, to the letter, and has not expired."""
        if any(name in ("authorization", "cookie") or name.startswith("x-tc-") for name in request.headers):
            return _refusal(400, "InvalidRequest")  # who sends a credential along gives it away
        target = f"{request.scope['raw_path'].decode()}?{request.scope['query_string'].decode()}"
        link = self._links.get(target)
        if link is None:
            return _refusal(403, "SignatureDoesNotMatch")
        if time.time() >= link.made_at + self.lifetime:
            return _refusal(403, "AccessDenied")
        return Response(await asyncio.to_thread(link.file.make), media_type="application/octet-stream")


def _signature(now: float, lifetime: float) -> str:
    """Sign as object storage does, with characters that a careless client spells in another way."""
    times = f"{int(now)};{int(now + lifetime)}"
    return (
        f"q-sign-algorithm=sha1&q-sign-time={times}&q-header-list=&q-signature={secrets.token_hex(20)}"
        "&response-content-disposition=attachment%3b+filename*%3DUTF-8''bill%2Fa~b"
    )


def _refusal(status: int, code: str) -> Response:
    error = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'
    return Response(error, status_code=status, media_type="application/xml")
