"""A timeline without waiting, and the API on the far side of a transport."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class _ImpatientSelector(selectors.SelectSelector):
    """Where a selector would wait, time jumps."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if not events:
            assert timeout is not None, "everything waits and nothing will ever happen"
            self.now += timeout
        return events


class ImpatientLoop(asyncio.SelectorEventLoop):
    """An event loop whose sleeps take no time."""

    def __init__(self) -> None:
        self.ticker = _ImpatientSelector()
        super().__init__(self.ticker)

    def time(self) -> float:
        """Return the loop's time, which jumps."""
        return self.ticker.now


class Timeline:
    """Runs coroutines in a time of its own, which can be read as a clock, and stalled."""

    def __init__(self, loop: ImpatientLoop, runner: asyncio.Runner) -> None:
        self._ticker = loop.ticker
        self._runner = runner

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and return its result."""
        return self._runner.run(coroutine)

    def now(self) -> float:
        """Return the time in seconds."""
        return self._ticker.now

    def stall(self, seconds: float) -> None:
        """Let time pass without giving any coroutine a turn, as a busy event loop does."""
        self._ticker.now += seconds


class Service:
    """Stands for the API: takes the given answers in turn, the last one for ever, and keeps the requests."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.requests: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = [reply()]
        self.takes = 0.0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Take a request, as a transport's handler."""
        self.requests.append(request)
        await asyncio.sleep(self.takes)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        # a response object serves one request only
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def reply(**members: object) -> httpx.Response:
    """A good answer."""
    return httpx.Response(200, json={"Response": {**members, "RequestId": "req-1"}})


def refusal(code: str, message: str = "Some words.", date: str | None = None) -> httpx.Response:
    """An error inside an HTTP 200."""
    body = {"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "req-2"}}
    return httpx.Response(200, json=body, headers={"Date": date} if date else {})
