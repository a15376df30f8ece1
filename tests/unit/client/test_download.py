"""One file by a link: what is sent, what counts as a file, what is kept, and that the link shows nowhere."""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import logging
import os
import stat
import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import stamina

from pipelines.client import Client, Credential, Download, FreePacer, download
from pipelines.errors import RequestUnanswered, StorageFailed
from tests.unit.matrix import check_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.unit.client.standins import Service, Timeline

BODY = b"\xef\xbb\xbfBill Month,Total Cost\r\n2026-10,0.10\r\n"
DIGEST = hashlib.sha256(BODY).hexdigest()
SIGNATURE = "q-signature=0123456789abcdef&x=%2F%7e+%e4"
TARGET = f"/%2Fmnt/./a/../L3-bill%20details.csv?{SIGNATURE}"


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retries follow at once."""
    with stamina.set_testing(testing=True, attempts=3):
        yield


def answer(body: bytes, head: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """Return an HTTP answer that closes its connection."""
    lines = [f"HTTP/1.1 {head}", f"Content-Length: {len(body) if length is None else length}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


class Bucket:
    """Object storage on loopback: gives its answers in turn, the last for ever, and keeps the requests' bytes."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.hangs = False
        self.sent = asyncio.Event()
        self.origin = ""

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Client]:
        """Serve, and give a client of some account."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with (
            server,
            Client(
                account="acme",
                endpoint=self.origin,
                credential=Credential("AKIDexampleidexampleid", "examplekeyexamplekey"),
                pacer=FreePacer(),
            ) as client,
        ):
            yield client

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(given.replace(b"<origin>", self.origin.encode()))
        await writer.drain()
        self.sent.set()
        if self.hangs:
            await reader.read()
        writer.close()


def fetch(bucket: Bucket, folder: Path, url: str = f"<origin>{TARGET}") -> Download:
    """Download from a bucket."""

    async def run() -> Download:
        async with bucket.served() as client:
            return await client.download(url.replace("<origin>", bucket.origin), folder)

    return asyncio.run(run())


def kept(folder: Path) -> set[str]:
    """Name the files in a folder."""
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_the_link_is_asked_for_to_the_letter_with_nothing_of_ours(tmp_path: Path) -> None:
    """The request line holds the link's very text, and the headers are plain ones."""
    bucket = Bucket(answer(BODY))
    fetch(bucket, tmp_path / "files")
    line, *headers = bucket.requests[0].decode().split("\r\n")
    assert line == f"GET {TARGET} HTTP/1.1"
    names = {header.split(":")[0].lower() for header in headers if header}
    assert names == {"host", "accept", "accept-encoding", "user-agent"}


def test_a_file_is_kept_under_its_digest_for_its_owner_alone(tmp_path: Path) -> None:
    """What is kept are the very bytes, in a file and a folder that only their owner can read."""
    folder = tmp_path / "lake" / "files"
    got = fetch(Bucket(answer(BODY)), folder)
    assert got == Download(folder / DIGEST, DIGEST, len(BODY))
    assert got.path.read_bytes() == BODY
    assert stat.S_IMODE(got.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert kept(folder) == {DIGEST}


def test_a_body_in_chunks_or_compressed_for_the_way_is_the_same_file(tmp_path: Path) -> None:
    """Transfer and content encodings are taken off."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    assert fetch(Bucket(chunked), tmp_path).digest == DIGEST
    assert fetch(Bucket(answer(gzip.compress(BODY), "200 OK", "Content-Encoding: gzip")), tmp_path).digest == DIGEST


def test_what_is_no_whole_file_fails_and_leaves_nothing(tmp_path: Path) -> None:
    """Cut off, refused, a page or sent elsewhere: tried again where that may help, and no trace is left."""

    def check(given: bytes, requests: int, fact: str = "acme") -> None:
        bucket = Bucket(given)
        with pytest.raises(RequestUnanswered, match=fact) as caught:
            fetch(bucket, tmp_path)
        assert caught.value.code == "DownloadFailed"
        assert len(bucket.requests) == requests
        assert kept(tmp_path) == set()

    cases = [
        (answer(BODY, length=len(BODY) + 1), 3),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nBill", 3),
        (b"", 3),
        (answer(b"", "503 Service Unavailable"), 3, "503"),
        (answer(b"", "429 Too Many Requests"), 3, "429"),
        (answer(b"\xef\xbb\xbf \r\n<!DOCTYPE html><title>Log in</title>"), 3),
        (answer(b'<?xml version="1.0"?><Error/>'), 3),
        (answer(b"", "400 Bad Request"), 1, "400"),
        (answer(b"", "302 Found"), 1, "302"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + BODY, 1),
        (answer(b"", "302 Found", f"Location: {TARGET}"), 1 + download.REDIRECTS, str(download.REDIRECTS)),
        (answer(b"", "302 Found", "Location: http://127.0.0.1:1/"), 1),
        (answer(b"", "302 Found", "Location: https://127.0.0.1/"), 1),
        (answer(b"", "302 Found", "Location: http://example.com/"), 1),
    ]
    check_all(check, cases)


def test_an_expired_link_is_refused_at_once(tmp_path: Path) -> None:
    """Only another link can help, so this one is not tried again, and the code says so."""

    def check(status: str) -> None:
        bucket = Bucket(answer(b"<Error><Code>AccessDenied</Code></Error>", status))
        with pytest.raises(RequestUnanswered) as caught:
            fetch(bucket, tmp_path)
        assert (caught.value.code, len(bucket.requests)) == ("DownloadRefused", 1)

    check_all(check, ["403 Forbidden", "404 Not Found", "410 Gone"])


def test_a_second_attempt_can_succeed(tmp_path: Path) -> None:
    """What passes is tried again."""
    bucket = Bucket(answer(b"", "500 Oops"), answer(BODY, length=999), answer(BODY))
    assert fetch(bucket, tmp_path).digest == DIGEST
    assert kept(tmp_path) == {DIGEST}


def test_redirects_within_one_place_are_followed_without_cookies(tmp_path: Path) -> None:
    """A redirect's target is asked for to the letter too."""
    cookie = "Set-Cookie: session=1; Path=/"
    bucket = Bucket(
        answer(b"", "302 Found", f"Location: <origin>/%2Fa{TARGET}", cookie),
        answer(b"", "307 Temporary Redirect", "Location: /b?%2F", cookie),
        answer(BODY),
    )
    assert fetch(bucket, tmp_path).digest == DIGEST
    assert [request.split(b" ")[1].decode() for request in bucket.requests] == [TARGET, f"/%2Fa{TARGET}", "/b?%2F"]
    assert not any(b"cookie" in request.lower() for request in bucket.requests)


def test_a_link_that_must_not_be_followed_is_refused_unasked(tmp_path: Path) -> None:
    """Plain http to others, other schemes, users and stray characters are refused before anything is sent."""

    def check(url: str) -> None:
        bucket = Bucket(answer(BODY))
        with pytest.raises(RequestUnanswered) as caught:
            fetch(bucket, tmp_path, url)
        assert (caught.value.code, bucket.requests) == ("DownloadRefused", [])

    links = [
        "http://example.com/a?b",
        "http://127.0.0.1.example.com/a",
        "ftp://127.0.0.1/a",
        "https://user:word@example.com/a",
        "<origin>/a b",
        "<origin>/a\r\nX-Evil: 1",
        "<origin>/文件",
        "https:///a",
        "https://[::1/a",
        "",
    ]
    check_all(check, links)


def test_the_link_shows_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No log line, at any level set afterwards, and no error or what hangs on it holds any part of the signature."""
    for name in (None, "httpx", "httpcore", "httpcore.http11", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)

    def check(given: bytes) -> None:
        caplog.clear()
        shown = ""
        try:
            fetch(Bucket(given), tmp_path)
        except RequestUnanswered as error:
            shown = "".join(traceback.format_exception(error)) + repr(error)
            chain: BaseException | None = error
            while chain is not None:
                shown += str(chain)
                assert not isinstance(chain, httpx.HTTPError)
                chain = chain.__cause__ or chain.__context__
        shown += "".join(record.getMessage() for record in caplog.records)
        assert "0123456789abcdef" not in shown
        assert "mnt" not in shown

    cases = [
        answer(BODY),
        answer(BODY, length=999),
        answer(b"", "403 Forbidden"),
        answer(b"", "302 Found", f"Location: {TARGET}"),
        answer(b"", "302 Found", f"Location: http://example.com{TARGET}"),
        answer(b"", "302 Found", f"Location: http://[{SIGNATURE}"),
        b"",
        b"garbage " + SIGNATURE.encode(),
    ]
    check_all(check, cases)


def test_other_requests_may_be_logged() -> None:
    """Only downloads are kept out of the HTTP library's log."""
    record = logging.LogRecord("httpcore.http11", logging.DEBUG, "", 0, "", (), None)
    assert logging.getLogger("httpcore.http11").filter(record)


@pytest.mark.parametrize(
    "given",
    [answer(BODY), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)],
    ids=["announced", "found out"],
)
def test_a_file_beyond_all_bounds_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bytes) -> None:
    """A file larger than the bound fails, whether its length was announced or not, and is not tried again."""
    monkeypatch.setattr(download, "LARGEST", len(BODY) - 1)
    bucket = Bucket(given)
    with pytest.raises(RequestUnanswered, match=f"{len(BODY) - 1}"):
        fetch(bucket, tmp_path)
    assert (len(bucket.requests), kept(tmp_path)) == (1, set())


def test_all_attempts_together_end_in_time(
    timeline: Timeline, service: Service, client: Client, tmp_path: Path
) -> None:
    """A file that does not come is given up when the total time is up."""
    service.takes = 10**6
    began = timeline.now()
    with pytest.raises(RequestUnanswered) as caught:
        timeline.run(client.download("https://example.com/a", tmp_path))
    assert caught.value.code == "DownloadFailed"
    assert timeline.now() - began <= download.TOTAL_TIME + 10


def test_a_body_without_its_announced_length_fails(
    timeline: Timeline, service: Service, client: Client, tmp_path: Path
) -> None:
    """The length is compared here too, whatever the HTTP library checks."""
    service.answers = [httpx.Response(200, headers={"Content-Length": "999"}, content=BODY)]
    with pytest.raises(RequestUnanswered) as caught:
        timeline.run(client.download("https://example.com/a", tmp_path))
    assert caught.value.code == "DownloadFailed"
    assert kept(tmp_path) == set()


def test_a_cancelled_download_leaves_nothing(tmp_path: Path) -> None:
    """Half a file that came before a run was stopped is removed."""

    async def run() -> None:
        bucket = Bucket(answer(BODY, length=999))
        bucket.hangs = True
        async with bucket.served() as client:
            task = asyncio.create_task(client.download(f"{bucket.origin}/a", tmp_path))
            await bucket.sent.wait()
            while not kept(tmp_path):  # noqa: ASYNC110 - nothing tells when a file appears
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert kept(tmp_path) == set()


def test_what_a_killed_run_left_is_removed_and_others_work_is_not(tmp_path: Path) -> None:
    """A half download older than any can be goes with the next one; one under way stays."""
    for name, age in (("old", 10**5), ("young", 60)):
        aside = tmp_path / f".{name}.aside"
        aside.write_bytes(b"half")
        os.utime(aside, (aside.stat().st_mtime - age,) * 2)
    fetch(Bucket(answer(BODY)), tmp_path)
    assert kept(tmp_path) == {DIGEST, ".young.aside"}


def test_a_disk_that_refuses_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the folder's place, or a full disk, is StorageFailed; it is not tried again and leaves nothing."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageFailed, match=str(blocked)):
        fetch(Bucket(answer(BODY)), blocked)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    bucket = Bucket(answer(BODY))
    with pytest.raises(StorageFailed, match=os.strerror(errno.ENOSPC)):
        fetch(bucket, tmp_path / "folder")
    assert (len(bucket.requests), kept(tmp_path / "folder")) == (1, set())
