"""Serves the sandbox over HTTP on loopback: in a thread of this process, or as a process of its own.

`gateway` handles the requests.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipelines.errors import SettingError
from pipelines.sandbox.faults import Faults
from pipelines.sandbox.gateway import Gateway
from pipelines.sandbox.world import World

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from pipelines.sandbox.request_log import RequestRecord
    from pipelines.sandbox.signatures import Principal
    from pipelines.sandbox.storage import Storage

HOST = "127.0.0.1"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ABORT = struct.pack("ii", 1, 0)
"""Value of SO_LINGER that makes a close reset the connection."""


class Sandbox:
    """The sandbox in a thread of this process, while the `with` block runs.

    - `now`: the billing clock; without a time zone it is UTC+8, None is the real time. Signatures are always checked
      against the real time.
    - `latency`: seconds added to each answer.
    - `limits`: False turns the rate limits off.
    - `port`: 0 takes a free one.

    `faults`, `now` and `world` can be set while it runs. Raises SettingError if the port is in use.
    """

    def __init__(
        self,
        principals: Iterable[Principal],
        world: World = World(),  # noqa: B008 - a frozen value
        faults: Faults = Faults(),  # noqa: B008 - a frozen value
        *,
        now: datetime | None = None,
        latency: float = 0.0,
        limits: bool = True,
        port: int = 0,
    ) -> None:
        self._gateway = Gateway(principals, world, faults, now, latency, limits=limits)
        self._socket = _listening(port)
        self._server = _server(self._gateway)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="sandbox", daemon=True)
        self.url = _url(self._socket)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()

    @property
    def world(self) -> World:
        """The customers and bills."""
        return self._gateway.world

    @world.setter
    def world(self, world: World) -> None:
        self._gateway.world = world

    @property
    def faults(self) -> Faults:
        """The faults to simulate. Setting them resets the hits that count towards `Fault.times`."""
        return self._gateway.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._gateway.faults = faults

    @property
    def now(self) -> datetime | None:
        """The time of the billing clock, None for the real time."""
        return self._gateway.now

    @now.setter
    def now(self, now: datetime | None) -> None:
        self._gateway.now = now

    @property
    def storage(self) -> Storage:
        """The storage behind links to files. It decides how soon files are ready and how long links are valid."""
        return self._gateway.storage

    def restate(self, customer_uin: str, month: str) -> None:
        """Restate a customer's issued month: a line vanishes, one appears, up to three change; the summaries follow."""
        self.world = replace(self.world, restated=(*self.world.restated, (customer_uin, month)))

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Return counts of the requests, by action (`RequestLog.by_action`). As JSON: GET <url>/statistics."""
        return self._gateway.log.by_action()

    def requests(self) -> list[RequestRecord]:
        """Return the last 200,000 requests. As JSON: GET <url>/requests."""
        return self._gateway.log.requests()


def serve(
    principals: Iterable[Principal],
    world: World = World(),  # noqa: B008 - a frozen value
    faults: Faults = Faults(),  # noqa: B008 - a frozen value
    *,
    now: datetime | None = None,
    latency: float = 0.0,
    limits: bool = True,
    port: int = 0,
) -> None:
    """Run the sandbox in the foreground until it is interrupted. Arguments and errors as for `Sandbox`.

    Once it listens, it prints one line that ends with its URL: `sandbox: http://127.0.0.1:8642`.
    """
    listening = _listening(port)
    sys.stdout.write(f"sandbox: {_url(listening)}\n")  # connections are queued from now on
    sys.stdout.flush()
    sys.setswitchinterval(0.001)  # so that computing an answer does not delay the arrival time of other requests
    with suppress(KeyboardInterrupt):
        _server(Gateway(principals, world, faults, now, latency, limits=limits)).run([listening])


def _listening(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise SettingError(
            f"The sandbox cannot listen on port {port}: {error.strerror}. Choose another port."
        ) from error
    listening.listen(1024)
    return listening


def _url(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


def _server(gateway: Gateway) -> uvicorn.Server:
    connections: dict[tuple[str, int], asyncio.Transport] = {}

    class Connection(H11Protocol):
        """Keeps the transport of each connection, so that a fault can break it."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            connections[transport.get_extra_info("peername")] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self.transport.get_extra_info("peername"), None)
            super().connection_lost(exc)

    async def respond(request: Request) -> Response:
        return await gateway.respond(request, partial(_reset, connections.get(request.scope["client"])))

    async def statistics(_: Request) -> Response:
        return gateway.statistics()

    async def requests(_: Request) -> Response:
        return gateway.requests()

    async def file(request: Request) -> Response:
        return await gateway.storage.respond(request)

    routes = [
        Route("/", respond, methods=METHODS),
        Route("/files/{path:path}", file),
        Route("/statistics", statistics),
        Route("/requests", requests),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes),
        http=Connection,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def _reset(transport: asyncio.Transport | None) -> None:
    if transport is None:  # the caller has already closed it
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    transport.abort()
