"""Serves the sandbox over HTTP on loopback: in a thread of this process, or in the foreground of its own.

What does not belong here: anything about requests (`gateway`).
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

    from pipelines.sandbox.signatures import Principal
    from pipelines.sandbox.storage import Storage
    from pipelines.sandbox.tally import RequestRecord

HOST = "127.0.0.1"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER for a close that resets the connection instead of ending it."""


class Sandbox:
    """The sandbox in a thread of this process, while the `with` block runs.

    `now` sets the billing clock (without a zone: UTC+8; None: the real time); `latency` in seconds is added to each
    answer; `limits=False` lifts the limits per second; `port` 0 takes a free one. Signatures are always checked against
    the real time. `faults`, `now` and `world` can be set while it runs. Raises SettingError if the port is taken.
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
        """What goes wrong. Setting it begins the faults' `times` anew."""
        return self._gateway.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._gateway.faults = faults

    @property
    def now(self) -> datetime | None:
        """The billing clock, None for the real time."""
        return self._gateway.now

    @now.setter
    def now(self, now: datetime | None) -> None:
        self._gateway.now = now

    @property
    def storage(self) -> Storage:
        """The storage that links to files lead to; it says how soon files are ready, and how long links are good."""
        return self._gateway.storage

    def restate(self, customer_uin: str, month: str) -> None:
        """Restate a customer's closed month: a line vanishes, one appears, up to three change; the summaries follow."""
        self.world = replace(self.world, restated=(*self.world.restated, (customer_uin, month)))

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Return what was asked, by action (see `tally.Tally.by_action`). The same as JSON: GET <url>/statistics."""
        return self._gateway.tally.by_action()

    def asked(self) -> list[RequestRecord]:
        """Return the last 200,000 requests one by one. The same as JSON: GET <url>/requests."""
        return self._gateway.tally.asked()


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

    Once it listens it prints one line that ends with its url: `sandbox: http://127.0.0.1:8642`.
    """
    listening = _listening(port)
    sys.stdout.write(f"sandbox: {_url(listening)}\n")  # connections are queued from now on
    sys.stdout.flush()
    sys.setswitchinterval(0.001)  # so that answers being worked out do not delay the time at which others arrive
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
    if transport is None:  # the caller was faster
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    transport.abort()
