"""One file by a link that the API gave: fetched as it is, checked to be whole, kept under its SHA-256.

The link carries a signature of its own, so it is a secret: it goes into no log and no error, and nothing of the account
goes with it. What the file holds is `land`'s business; when a link is asked for, `extract`'s.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
import os
import re
import tempfile
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin

import httpx
import stamina

from pipelines.errors import RequestUnanswered, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST = 4 << 30
"""Bytes of a file; the largest that anyone has reported is far below."""
TOTAL_TIME = 1800.0
"""Seconds that all attempts at one file may take together."""
SILENCE = 60.0
"""Seconds without a byte after which an attempt has failed."""
ATTEMPTS = 3
REDIRECTS = 3

FAILED = "DownloadFailed"
REFUSED = "DownloadRefused"
"""Our own codes: another attempt may help; only another link may."""

_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 20.0
_OK = 200
_LINK_IS_DEAD = frozenset({403, 404, 410})
_PASSING = frozenset({408, 425, 429})
_SERVER_ERRORS = 500
_BLOCK = 1 << 20
_HEAD = 64
_ASIDE = ".aside"
_PLAIN = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "bill-etl"}
_LINK = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?P<place>[^/?#@]+))(?P<target>[/?][^#]*)(?:#.*)?", re.ASCII | re.IGNORECASE
)

_under_way: ContextVar[bool] = ContextVar("download under way", default=False)
for _chatty in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
    # A redirect's Location, at DEBUG, would be a link too; a level could be set back by whoever sets up logging.
    logging.getLogger(_chatty).addFilter(lambda _: not _under_way.get())


@dataclass(frozen=True, slots=True)
class Download:
    """A downloaded file: where it is kept, its SHA-256 (hex) and its size in bytes."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class _DownloadFault:
    """Why there is no file. `passes`: the same link may do next time."""

    text: str
    code: str = FAILED
    passes: bool = True


@dataclass(slots=True)
class _Tries:
    """How the attempts at one file have gone. `deadline` is in seconds of `clock`, `wait` those until the next one."""

    deadline: float
    clock: Callable[[], float]
    wait: float = 0.0
    fault: _DownloadFault | None = None

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.deadline - self.clock()

    def may_pass(self, error: Exception) -> bool:
        """Decide whether another attempt is worth it."""
        passes = self.fault is not None and self.fault.passes
        return isinstance(error, RequestUnanswered) and passes and self.wait < self.left


@dataclass(frozen=True, slots=True)
class _Link:
    """A link in two parts: whom to connect to, and what to ask for, to the letter."""

    origin: str
    target: bytes


def plain_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return an HTTP client for downloads only, without credential; `transport` replaces the network in tests."""
    return httpx.AsyncClient(
        transport=transport,
        mounts={"http://": None},  # this machine only, and a proxy has no business in between
        follow_redirects=False,
    )


async def download(
    http: httpx.AsyncClient,
    url: str,
    folder: Path,
    *,
    account: str,
    clock: Callable[[], float] = time.monotonic,
) -> Download:
    """Fetch the file behind `url` into `folder`, named by its SHA-256, and return it. A part is never left there.

    `http` is a `plain_client`. Raises RequestUnanswered: with the code DownloadRefused if the link has expired or is
    not one to follow, so that another must be asked for, else DownloadFailed after a few attempts; StorageFailed if the
    disk refuses.
    """
    link = _parsed(url)
    if isinstance(link, _DownloadFault):
        raise _failure(link, account, 0)
    tries = _Tries(clock() + TOTAL_TIME, clock)
    async for attempt in stamina.retry_context(
        on=tries.may_pass,
        attempts=ATTEMPTS,
        timeout=None,
        wait_initial=_FIRST_BACKOFF,
        wait_max=_LONGEST_BACKOFF,
    ):
        with attempt:
            outcome = await _attempt(http, link, folder, tries.left)
            if isinstance(outcome, Download):
                return outcome
            tries.wait, tries.fault = attempt.next_wait, outcome
            raise _failure(outcome, account, attempt.num)
    raise AssertionError("a retry loop ends with a file or an error")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine itself, by its spelling alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _failure(fault: _DownloadFault, account: str, attempts: int) -> RequestUnanswered:
    tried = f" after {attempts} attempts" if attempts > 1 else ""
    return RequestUnanswered(
        f"A file of account '{account}' could not be downloaded{tried}: {fault.text} ({fault.code}). "
        "Run again: another link is asked for. If it stays, check the network and any proxy.",
        action="download",
        code=fault.code,
    )


async def _attempt(http: httpx.AsyncClient, link: _Link, folder: Path, left: float) -> Download | _DownloadFault:
    """Fetch once, redirects included. No exception of the HTTP library survives: they carry the request."""
    token = _under_way.set(True)
    try:
        async with asyncio.timeout(max(left, 1.0)):
            for _ in range(REDIRECTS + 1):
                outcome = await _exchange(http, link, folder)
                if not isinstance(outcome, _Link):
                    return outcome
                link = outcome
            return _DownloadFault(f"it was redirected more than {REDIRECTS} times", passes=False)
    except (httpx.TimeoutException, TimeoutError):
        return _DownloadFault("it took too long")
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ConnectionError) as error:
        return _DownloadFault(f"the connection failed or broke off ({type(error).__name__})")
    finally:
        _under_way.reset(token)


async def _exchange(http: httpx.AsyncClient, link: _Link, folder: Path) -> Download | _Link | _DownloadFault:
    """Ask once for what is behind a link: a file, another link, or a fault."""
    request = httpx.Request(  # not by the client, which adds headers and cookies
        "GET",
        f"{link.origin}/",
        headers=_PLAIN,
        extensions={"target": link.target, "timeout": httpx.Timeout(SILENCE, pool=None).as_dict()},
    )
    response = await http.send(request, stream=True, auth=None)
    try:
        if response.has_redirect_location:
            return _redirected(link, response.headers["Location"])
        return _refusal(response) or await _kept(response, folder)
    finally:
        await response.aclose()


def _parsed(url: str) -> _Link | _DownloadFault:
    """Take a link apart without a change to what is asked for; refuse one that must not be followed."""
    match = _LINK.fullmatch(url) if url.isascii() and url.isprintable() and " " not in url else None
    if match is None:
        return _DownloadFault("the link is no http address", REFUSED, passes=False)
    try:
        host = httpx.URL(match["origin"]).host
    except httpx.InvalidURL:
        return _DownloadFault("the link names no host", REFUSED, passes=False)
    if match["scheme"].lower() == "http" and not is_loopback(host):
        return _DownloadFault("the link is not https", REFUSED, passes=False)
    target = match["target"]
    return _Link(match["origin"], (target if target.startswith("/") else f"/{target}").encode())


def _redirected(link: _Link, location: str) -> _Link | _DownloadFault:
    """Follow within the same scheme, host and port only."""
    try:
        following = _parsed(urljoin(f"{link.origin}{link.target.decode()}", location))
    except ValueError:
        return _DownloadFault("it was redirected to what is no address", passes=False)
    if isinstance(following, _Link) and _place(following) == _place(link):
        return following
    return _DownloadFault("it was redirected to another place", passes=False)


def _place(link: _Link) -> tuple[str, str, int | None]:
    origin = httpx.URL(link.origin)  # a default port and letter case make no difference
    return origin.scheme, origin.host, origin.port


def _refusal(response: httpx.Response) -> _DownloadFault | None:
    """Return why an answer's head already shows that no whole file comes, if it does."""
    status, headers = response.status_code, response.headers
    if status in _LINK_IS_DEAD:
        return _DownloadFault(
            f"the link is refused with HTTP status {status}, as one that has expired", REFUSED, passes=False
        )
    if status != _OK:
        passes = status in _PASSING or status >= _SERVER_ERRORS
        return _DownloadFault(f"it was answered with HTTP status {status}", passes=passes)
    length = _length(response)
    if length is None and headers.get("Transfer-Encoding", "").lower() != "chunked":
        return _DownloadFault("nothing tells where the file ends, so that a part could pass for it", passes=False)
    return _too_large() if length is not None and length > LARGEST else None


def _length(response: httpx.Response) -> int | None:
    told = response.headers.get("Content-Length", "")
    return int(told) if told.isdecimal() else None


def _too_large() -> _DownloadFault:
    return _DownloadFault(f"it is larger than {LARGEST:,} bytes", passes=False)


async def _kept(response: httpx.Response, folder: Path) -> Download | _DownloadFault:
    """Stream a body to a file beside those in `folder`; give it its name once it is whole."""
    with _written_aside(folder) as (aside, file):
        digest, size, head = hashlib.sha256(), 0, b""
        async for chunk in response.aiter_bytes(_BLOCK):
            size += len(chunk)
            if size > LARGEST:
                return _too_large()
            head += chunk[: _HEAD - len(head)]
            digest.update(chunk)
            file.write(chunk)
        if _length(response) not in (None, response.num_bytes_downloaded):
            return _DownloadFault("it broke off before its end")
        if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
            return _DownloadFault("a page came in place of the file")
        path = folder / digest.hexdigest()
        await asyncio.to_thread(partial(_put_in_place, file, aside, path))
    return Download(path, digest.hexdigest(), size)


@contextmanager
def _written_aside(folder: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Give a new file in `folder`, its owner's alone; it is removed unless it was renamed. Raises StorageFailed."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_leftovers(folder)
        number, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=_ASIDE)  # 0600
        aside = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                yield aside, file
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):
            raise
        raise StorageFailed(
            f"The disk refused to keep a downloaded file in {folder}: {error.strerror or type(error).__name__}. "
            "What was there before is unchanged; make room or make it writable, then run again."
        ) from error


def _put_in_place(file: IO[bytes], aside: Path, path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed process was at: nothing takes longer than the total time."""
    for aside in folder.glob(f".*{_ASIDE}"):
        try:
            if time.time() - aside.stat().st_mtime > 2 * TOTAL_TIME:
                aside.unlink()
        except FileNotFoundError:
            continue
