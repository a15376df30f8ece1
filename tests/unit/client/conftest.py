"""What the client's tests share: a time of their own, a service, a client of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from pipelines.client import Client, Credential, FreePacer
from tests.unit.client.standins import ImpatientLoop, Service, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def timeline() -> Iterator[Timeline]:
    """A time in which sleeping is free; it begins at 1000 s."""
    loop = ImpatientLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        yield Timeline(loop, runner)


@pytest.fixture
def service(timeline: Timeline) -> Service:
    """The API, answering everything with an empty reply until told otherwise."""
    return Service(timeline)


@pytest.fixture
def credential() -> Credential:
    """A temporary key."""
    return Credential("AKIDexampleidexampleid", "examplekeyexamplekey", "exampletokenexampletoken")


@pytest.fixture
def connect(credential: Credential, timeline: Timeline) -> Callable[[Service], Client]:
    """Make a client of a service, unpaced, on the timeline."""

    def make(service: Service) -> Client:
        return Client(
            account="acme",
            endpoint="https://intlpartnersmgt.intl.tencentcloudapi.com",
            credential=credential,
            pacer=FreePacer(),
            transport=httpx.MockTransport(service),
            clock=timeline.now,
        )

    return make


@pytest.fixture
def client(service: Service, connect: Callable[[Service], Client]) -> Client:
    """A client of `service`."""
    return connect(service)
