"""Downloads one file by a link from a reply: stores it unchanged, checks that it is whole, names it by its SHA-256.

The link contains a signature, so it is a secret: it is in no log and no error. No credential of the account is sent.
`extract` requests links; `land` reads the files.
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
"""Maximum size of a file in bytes. The largest file ever reported is far smaller."""
TOTAL_TIME = 1800.0
"""Seconds that all attempts to download one file may take together."""
SILENCE = 60.0
"""Seconds without a byte after which an attempt has failed."""
ATTEMPTS = 3
REDIRECTS = 3

FAILED = "DownloadFailed"
REFUSED = "DownloadRefused"
"""Codes of the client's own. DownloadFailed: another attempt may help. DownloadRefused: only another link may."""

_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 20.0
_OK = 200
_LINK_REFUSED = frozenset({403, 404, 410})
_TRANSIENT = frozenset({408, 425, 429})
_SERVER_ERRORS = 500
_BLOCK = 1 << 20
_HEAD = 64
_TEMPORARY = ".aside"
_PLAIN = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "bill-etl"}
_LINK = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?P<place>[^/?#@]+))(?P<target>[/?][^#]*)(?:#.*)?", re.ASCII | re.IGNORECASE
)

_under_way: ContextVar[bool] = ContextVar("download under way", default=False)
for _verbose in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
    # A redirect's Location, at DEBUG, would be a link too; a level could be set back by whoever sets up logging.
    logging.getLogger(_verbose).addFilter(lambda _: not _under_way.get())


@dataclass(frozen=True, slots=True)
class Download:
    """A downloaded file: where it is kept, its SHA-256 (hex) and its size in bytes."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class _DownloadFault:
    """Why there is no file. `transient`: another attempt with the same link may help."""

    text: str
    code: str = FAILED
    transient: bool = True


@dataclass(slots=True)
class _Attempts:
    """The attempts to download one file.

    `deadline` is in seconds of `clock`, `wait` the seconds until the next attempt.
    """

    deadline: float
    clock: Callable[[], float]
    wait: float = 0.0
    fault: _DownloadFault | None = None

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.clock()

    def should_retry(self, error: Exception) -> bool:
        """Return whether to try again."""
        transient = self.fault is not None and self.fault.transient
        return isinstance(error, RequestUnanswered) and transient and self.wait < self.seconds_left


@dataclass(frozen=True, slots=True)
class _Link:
    """A link in two parts: the server to connect to, and the exact request target."""

    origin: str
    target: bytes


def plain_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return an HTTP client for downloads only, without credential; `transport` replaces the network in tests."""
    return httpx.AsyncClient(
        transport=transport,
        mounts={"http://": None},  # http is for this machine only: no proxy
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
    """Download the file behind `url` into `folder`, named by its SHA-256. An incomplete file is never left there.

    `http` is a `plain_client`. Raises RequestUnanswered with the code DownloadRefused if the link has expired or must
    not be followed, so that a new link is needed; with the code DownloadFailed if several attempts failed. Raises
    StorageFailed if the disk refuses the file.
    """
    link = _parsed(url)
    if isinstance(link, _DownloadFault):
        raise _failure(link, account, 0)
    attempts = _Attempts(clock() + TOTAL_TIME, clock)
    async for attempt in stamina.retry_context(
        on=attempts.should_retry,
        attempts=ATTEMPTS,
        timeout=None,
        wait_initial=_FIRST_BACKOFF,
        wait_max=_LONGEST_BACKOFF,
    ):
        with attempt:
            outcome = await _attempt(http, link, folder, attempts.seconds_left)
            if isinstance(outcome, Download):
                return outcome
            attempts.wait, attempts.fault = attempt.next_wait, outcome
            raise _failure(outcome, account, attempt.num)
    raise AssertionError("a retry loop ends with a file or an error")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or address alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _failure(fault: _DownloadFault, account: str, attempts: int) -> RequestUnanswered:
    after = f" after {attempts} attempts" if attempts > 1 else ""
    return RequestUnanswered(
        f"A file of account '{account}' could not be downloaded{after}: {fault.text} ({fault.code}). "
        "Run again: a new link is requested. If it still fails, check the network and any proxy.",
        action="download",
        code=fault.code,
    )


async def _attempt(
    http: httpx.AsyncClient, link: _Link, folder: Path, seconds_left: float
) -> Download | _DownloadFault:
    """Try once, following redirects. No exception of the HTTP library gets out: they hold the request."""
    token = _under_way.set(True)
    try:
        async with asyncio.timeout(max(seconds_left, 1.0)):
            for _ in range(REDIRECTS + 1):
                outcome = await _exchange(http, link, folder)
                if not isinstance(outcome, _Link):
                    return outcome
                link = outcome
            return _DownloadFault(f"it was redirected more than {REDIRECTS} times", transient=False)
    except (httpx.TimeoutException, TimeoutError):
        return _DownloadFault("it took too long")
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ConnectionError) as error:
        return _DownloadFault(f"the connection failed or broke off ({type(error).__name__})")
    finally:
        _under_way.reset(token)


async def _exchange(http: httpx.AsyncClient, link: _Link, folder: Path) -> Download | _Link | _DownloadFault:
    """Send one request for a link. Return the file, another link (a redirect), or a fault."""
    request = httpx.Request(  # not built by the client, which adds headers and cookies
        "GET",
        f"{link.origin}/",
        headers=_PLAIN,
        extensions={"target": link.target, "timeout": httpx.Timeout(SILENCE, pool=None).as_dict()},
    )
    response = await http.send(request, stream=True, auth=None)
    try:
        if response.has_redirect_location:
            return _redirected(link, response.headers["Location"])
        return _refusal(response) or await _store(response, folder)
    finally:
        await response.aclose()


def _parsed(url: str) -> _Link | _DownloadFault:
    """Split a link without changing what is requested. Refuse one that must not be followed."""
    match = _LINK.fullmatch(url) if url.isascii() and url.isprintable() and " " not in url else None
    if match is None:
        return _DownloadFault("the link is not an http address", REFUSED, transient=False)
    try:
        host = httpx.URL(match["origin"]).host
    except httpx.InvalidURL:
        return _DownloadFault("the link names no host", REFUSED, transient=False)
    if match["scheme"].lower() == "http" and not is_loopback(host):
        return _DownloadFault("the link is not https", REFUSED, transient=False)
    target = match["target"]
    return _Link(match["origin"], (target if target.startswith("/") else f"/{target}").encode())


def _redirected(link: _Link, location: str) -> _Link | _DownloadFault:
    """Return the link of a redirect. It must have the same scheme, host and port."""
    try:
        following = _parsed(urljoin(f"{link.origin}{link.target.decode()}", location))
    except ValueError:
        return _DownloadFault("it was redirected to an invalid address", transient=False)
    if isinstance(following, _Link) and _server(following) == _server(link):
        return following
    return _DownloadFault("it was redirected to another server", transient=False)


def _server(link: _Link) -> tuple[str, str, int | None]:
    origin = httpx.URL(link.origin)  # a default port and letter case make no difference
    return origin.scheme, origin.host, origin.port


def _refusal(response: httpx.Response) -> _DownloadFault | None:
    """Return a fault if the response's status and headers show that no whole file will come."""
    status, headers = response.status_code, response.headers
    if status in _LINK_REFUSED:
        return _DownloadFault(
            f"the link was refused with HTTP status {status}; it has probably expired", REFUSED, transient=False
        )
    if status != _OK:
        transient = status in _TRANSIENT or status >= _SERVER_ERRORS
        return _DownloadFault(f"it was answered with HTTP status {status}", transient=transient)
    length = _length(response)
    if length is None and headers.get("Transfer-Encoding", "").lower() != "chunked":
        return _DownloadFault(
            "the response does not give the file's length, so an incomplete file would not be noticed",
            transient=False,
        )
    return _too_large() if length is not None and length > LARGEST else None


def _length(response: httpx.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _too_large() -> _DownloadFault:
    return _DownloadFault(f"it is larger than {LARGEST:,} bytes", transient=False)


async def _store(response: httpx.Response, folder: Path) -> Download | _DownloadFault:
    """Write a body to a temporary file in `folder`, and rename it once it is whole."""
    with _temporary_file(folder) as (temporary, file):
        digest, size, head = hashlib.sha256(), 0, b""
        async for chunk in response.aiter_bytes(_BLOCK):
            size += len(chunk)
            if size > LARGEST:
                return _too_large()
            head += chunk[: _HEAD - len(head)]
            digest.update(chunk)
            file.write(chunk)
        if _length(response) not in (None, response.num_bytes_downloaded):
            return _DownloadFault("it broke off before its announced length")
        if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
            return _DownloadFault("a web page came in place of the file")
        path = folder / digest.hexdigest()
        await asyncio.to_thread(partial(_put_in_place, file, temporary, path))
    return Download(path, digest.hexdigest(), size)


@contextmanager
def _temporary_file(folder: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open a temporary file in `folder`, for its owner only. Unless renamed, it is removed. Raises StorageFailed."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_leftovers(folder)
        number, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=_TEMPORARY)  # 0600
        temporary = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                yield temporary, file
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):
            raise
        raise StorageFailed(
            f"The disk refused a downloaded file in {folder}: {error.strerror or type(error).__name__}. "
            "Files that were there before are unchanged. Free space or make it writable, then run again."
        ) from error


def _put_in_place(file: IO[bytes], temporary: Path, path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_leftovers(folder: Path) -> None:
    """Remove temporary files of killed processes: those older than any download may take."""
    for temporary in folder.glob(f".*{_TEMPORARY}"):
        try:
            if time.time() - temporary.stat().st_mtime > 2 * TOTAL_TIME:
                temporary.unlink()
        except FileNotFoundError:
            continue
