"""What the sandbox was asked and how it answered, for tests and benches to judge a client by."""

from __future__ import annotations

from collections import Counter, deque
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pipelines.sandbox.faults import FaultTarget

OK = "ok"
BROKEN = frozenset({"reset", "bad_gateway", "truncated"})
"""Outcomes that are no answer of the API's."""


class RequestRecord(NamedTuple):
    """One request: when it arrived (seconds since 1970), what it asked, and `ok`, an error code or a fault's name."""

    at: float
    action: str
    customer_uin: str | None
    page: int | None
    outcome: str


class RequestLog:
    """Counts requests and keeps the last 200,000. Read from other threads than the one that adds."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._outcomes: dict[str, Counter[str]] = {}
        self._writes: Counter[str] = Counter()
        self._peaks: Counter[str] = Counter()
        self._faults: dict[str, Counter[str]] = {}
        self._asked: deque[RequestRecord] = deque(maxlen=200_000)

    def add(self, call: FaultTarget, at: float, outcome: str, *, writes: bool, faults: list[str]) -> None:
        """Count one request that was dealt with."""
        with self._lock:
            self._outcomes.setdefault(call.action, Counter())[outcome] += 1
            self._faults.setdefault(call.action, Counter()).update(faults)
            self._writes[call.action] += writes
            self._asked.append(RequestRecord(at, call.action, call.customer_uin, call.page, outcome))

    def arrive(self, action: str, in_this_second: int) -> None:
        """Keep the most requests of one key that arrived in one calendar second."""
        with self._lock:
            self._peaks[action] = max(self._peaks[action], in_this_second)

    def asked(self) -> list[RequestRecord]:
        """Return the last requests, in the order of their answers."""
        with self._lock:
            return list(self._asked)

    def by_action(self) -> dict[str, dict[str, Any]]:
        """Return the counts of every action asked for; '' stands for requests that named none of the catalogue.

        `requests` = `ok` + `throttled` + `refused` (every other error code) + `broken` (faults that were no answer of
        the API's). `codes`: how often each error code; `faults`: how often each fault was played, which the others
        include; `writes`: requests for a writing action; `peak_per_second`: most arrivals of one key in a calendar
        second.
        """
        with self._lock:
            return {
                action: {
                    "requests": outcomes.total(),
                    "ok": outcomes[OK],
                    "throttled": sum(n for code, n in outcomes.items() if code.startswith("RequestLimitExceeded")),
                    "refused": sum(
                        n
                        for code, n in outcomes.items()
                        if code != OK and code not in BROKEN and not code.startswith("RequestLimitExceeded")
                    ),
                    "broken": sum(n for name, n in outcomes.items() if name in BROKEN),
                    "codes": {code: n for code, n in outcomes.items() if code != OK and code not in BROKEN},
                    "faults": dict(self._faults[action]),
                    "writes": self._writes[action],
                    "peak_per_second": self._peaks[action],
                }
                for action, outcomes in self._outcomes.items()
            }
