"""The object storage of the sandbox: links to files, and the files behind them.

A link is valid only unchanged: one that was decoded and encoded again is refused, as a real signature would be. `files`
decides what is in a file and who may have it.
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
"""Seconds that a link is valid, from the definition."""
MOST_LINKS = 100_000


class File(NamedTuple):
    """A file that can be linked to. `path` is its path in links, with `{}` in place of a random part."""

    path: str
    make: Callable[[], bytes]


class _StoredLink(NamedTuple):
    file: File
    made_at: float


class Storage:
    """Links given so far, and how often each file was requested.

    A file is not ready the first `ready_after` times that it is requested. Links are valid for `lifetime` seconds of
    the real time. Both can be set while the sandbox runs.
    """

    def __init__(self) -> None:
        self.ready_after = 1
        self.lifetime = LIFETIME
        self._lock = Lock()
        self._request_counts: Counter[str] = Counter()
        self._links: dict[str, _StoredLink] = {}

    def link(self, file: File, request_identity: str) -> str:
        """Return a new link to a file, without scheme and host; empty while it is not ready.

        `request_identity` is equal for equal requests.
        """
        with self._lock:
            self._request_counts[request_identity] += 1
            if self._request_counts[request_identity] <= self.ready_after:
                return ""
            now = time.time()
            target = f"/files/{file.path.format(secrets.token_hex(4))}?{_signature(now, self.lifetime)}"
            self._links[target] = _StoredLink(file, now)
            if len(self._links) > MOST_LINKS:
                self._links.pop(next(iter(self._links)))
            return target

    async def respond(self, request: Request) -> Response:
        """Serve the file behind a link if exactly this link was given and it has not expired."""
        if any(name in ("authorization", "cookie") or name.startswith("x-tc-") for name in request.headers):
            return _refusal(400, "InvalidRequest")  # a credential sent to the storage would be leaked
        target = f"{request.scope['raw_path'].decode()}?{request.scope['query_string'].decode()}"
        link = self._links.get(target)
        if link is None:
            return _refusal(403, "SignatureDoesNotMatch")
        if time.time() >= link.made_at + self.lifetime:
            return _refusal(403, "AccessDenied")
        return Response(await asyncio.to_thread(link.file.make), media_type="application/octet-stream")


def _signature(now: float, lifetime: float) -> str:
    """Return a signature like object storage's, with characters that a careless client would re-encode."""
    times = f"{int(now)};{int(now + lifetime)}"
    return (
        f"q-sign-algorithm=sha1&q-sign-time={times}&q-header-list=&q-signature={secrets.token_hex(20)}"
        "&response-content-disposition=attachment%3b+filename*%3DUTF-8''bill%2Fa~b"
    )


def _refusal(status: int, code: str) -> Response:
    error = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'
    return Response(error, status_code=status, media_type="application/xml")
