"""The client over real sockets on loopback: connections, departures, and answers that break off."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import stamina

from pipelines.client import Client, Credential, DiskPacer, FreePacer
from pipelines.endpoints import ACTIONS
from pipelines.errors import RequestUnanswered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from pipelines.client import Pacer, Slot
    from pipelines.endpoints.shapes import Action

LISTING = ACTIONS["DescribeCustomerUin"]
PARAMETERS = {"Page": 1, "PageSize": 10}
BODY = b'{"Response":{"Total":"0","RequestId":"r"}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
GOOD = HEAD + BODY


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retries follow at once, and there are four attempts at most."""
    with stamina.set_testing(testing=True, attempts=4):
        yield


class Service:
    """A server on loopback that gives its answers in turn, the last for ever. b"" closes, None stays silent."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.arrivals: list[float] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        try:
            while await self._arrived(reader):
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    await asyncio.sleep(60)
                writer.write(answer or b"")
                await writer.drain()
                if answer != GOOD:
                    return
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _arrived(self, reader: asyncio.StreamReader) -> bool:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        self.arrivals.append(time.monotonic())
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        return True


@asynccontextmanager
async def client_of(service: Service, pacer: Pacer | None = None, **options: float) -> AsyncIterator[Client]:
    """Run the service and give a client of it."""
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Client(
        account="sandbox",
        endpoint=f"http://127.0.0.1:{port}",
        credential=Credential("AKIDid", "key"),
        pacer=pacer or FreePacer(),
        **options,
    ) as client:
        yield client
    server.close()
    await asyncio.sleep(0)  # the connections' tasks end


def test_connections_are_kept_alive() -> None:
    """Calls one after the other use one connection."""
    service = Service(GOOD)

    async def run() -> None:
        async with client_of(service) as client:
            for _ in range(5):
                await client.call(LISTING, PARAMETERS)

    asyncio.run(run())
    assert (service.connections, len(service.arrivals)) == (1, 5)


class Watching(FreePacer):
    """Notes what is said of each slot, and when."""

    def __init__(self) -> None:
        self.said: list[tuple[str, float]] = []

    @asynccontextmanager
    async def slot(self, action: Action) -> AsyncIterator[Slot]:
        """Give a slot that notes."""
        yield self
        self._note("end")

    async def before_send(self) -> None:
        """Note, and hold the request for a while."""
        self._note("leaving")
        await asyncio.sleep(0.05)
        self._note("let go")

    def after_send(self) -> None:
        """Note."""
        self._note("left")

    def _note(self, what: str) -> None:
        self.said.append((what, time.monotonic()))


def test_a_slot_is_told_when_its_request_leaves() -> None:
    """The slot can hold a request on its connection, hears when it was written, and before the answer came."""
    service, pacer = Service(GOOD), Watching()

    async def run() -> None:
        async with client_of(service, pacer) as client:
            await client.call(LISTING, PARAMETERS)
            assert client.request_stats[LISTING.name].requests == 1

    asyncio.run(run())
    assert [what for what, _ in pacer.said] == ["leaving", "let go", "left", "left", "end"]
    assert service.arrivals[0] >= dict(pacer.said)["let go"]


def test_an_answer_that_breaks_off_is_asked_again() -> None:
    """Closed connections, cut bodies and gateway pages pass: the next attempt's answer is the call's."""

    async def run(service: Service) -> int:
        async with client_of(service) as client:
            assert (await client.call(LISTING, PARAMETERS)).request_id == "r"
            return client.request_stats[LISTING.name].requests

    for broken in (
        b"",
        HEAD + BODY[:20],
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>",
        b"nonsense\r\n\r\n",
        HEAD[:30],
    ):
        assert asyncio.run(run(Service(broken, broken, GOOD))) == 3, broken


def test_an_answer_that_never_comes_is_given_up() -> None:
    """A request without an answer costs its timeout, not the whole total time."""
    service = Service(None, GOOD)

    async def run() -> None:
        async with client_of(service, request_timeout=0.2) as client:
            assert (await client.call(LISTING, PARAMETERS)).request_id == "r"

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 5


def test_an_endpoint_that_is_down_is_named() -> None:
    """Where nobody listens, the failure says so and names the host."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]

    async def run() -> None:
        async with Client(
            account="sandbox",
            endpoint=f"http://127.0.0.1:{port}",
            credential=Credential("AKIDid", "key"),
            pacer=FreePacer(),
        ) as client:
            await client.call(LISTING, PARAMETERS)

    with pytest.raises(RequestUnanswered, match=r"\b4\b.* 127\.0\.0\.1"):
        asyncio.run(run())


def test_requests_of_cold_connections_arrive_paced(tmp_path: Path) -> None:
    """Calls that all begin at once, each on a connection of its own, arrive at most N in any second."""
    service = Service(GOOD)

    async def run() -> None:
        async with client_of(service, DiskPacer(tmp_path, "key", {LISTING.name: 5})) as client:
            await asyncio.gather(*(client.call(LISTING, PARAMETERS) for _ in range(11)))

    asyncio.run(run())
    assert len(service.arrivals) == 11
    for earlier, later in zip(service.arrivals, service.arrivals[5:], strict=False):
        assert later - earlier >= 1.0
