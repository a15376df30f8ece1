"""A log of the sandbox's requests and their outcomes, for tests and benchmarks of a client."""

from __future__ import annotations

from collections import Counter, deque
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pipelines.sandbox.faults import FaultTarget

OK = "ok"
BROKEN = frozenset({"reset", "bad_gateway", "truncated"})
"""Outcomes that are not an answer of the API."""


class RequestRecord(NamedTuple):
    """One request. `at` is its arrival in seconds since 1970, `outcome` is `ok`, an error code or a fault's name."""

    at: float
    action: str
    customer_uin: str | None
    page: int | None
    outcome: str


class RequestLog:
    """Counts of all requests, and the last 200,000. It can be read from other threads than the one that adds."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._outcomes: dict[str, Counter[str]] = {}
        self._writes: Counter[str] = Counter()
        self._peaks: Counter[str] = Counter()
        self._faults: dict[str, Counter[str]] = {}
        self._requests: deque[RequestRecord] = deque(maxlen=200_000)

    def add(self, call: FaultTarget, at: float, outcome: str, *, writes: bool, faults: list[str]) -> None:
        """Add one answered request."""
        with self._lock:
            self._outcomes.setdefault(call.action, Counter())[outcome] += 1
            self._faults.setdefault(call.action, Counter()).update(faults)
            self._writes[call.action] += writes
            self._requests.append(RequestRecord(at, call.action, call.customer_uin, call.page, outcome))

    def arrive(self, action: str, in_this_second: int) -> None:
        """Update the most requests of one key that arrived in one calendar second."""
        with self._lock:
            self._peaks[action] = max(self._peaks[action], in_this_second)

    def requests(self) -> list[RequestRecord]:
        """Return the last requests, in the order of their answers."""
        with self._lock:
            return list(self._requests)

    def by_action(self) -> dict[str, dict[str, Any]]:
        """Return counts by action. Requests without an action of the catalogue are under ''.

        - `requests`: the sum of `ok`, `throttled`, `refused` (all other error codes) and `broken` (no answer of the API
          because of a fault).
        - `codes`: counts by error code; `faults`: counts by fault played, also contained in the others.
        - `writes`: requests of a writing action.
        - `peak_per_second`: the most arrivals of one key in a calendar second.
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
