"""Faults that the sandbox can simulate: which, how often and for which requests. `gateway` applies them to answers."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

QUIET = ("withheld_pages", "arriving", "moving")
"""Faults that cannot be seen in the answer."""
QUIETLY = ("DescribeCustomerBillDetail",)
"""The actions that a quiet fault applies to if it names none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the share of requests that it hits (`rate`, 0 to 1), among given actions, customers and pages.

    Empty means any. `times` limits the number of hits (None: no limit).
    `Fault(actions=("DescribeCustomerUin",), times=1)` hits only the next request for the list of customers.
    """

    rate: float = 1.0
    actions: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    pages: tuple[int, ...] = ()
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults to simulate. A number is short for `Fault(rate=number)`.

    Faults that the client can see:

    - `throttling`: RequestLimitExceeded; `internal_error`, `service_busy`: these codes.
    - `reset`: the connection breaks; `bad_gateway`: HTTP 502 with an HTML page; `truncated`: half of the JSON.
    - `slow`: the answer takes `slow_seconds` longer.

    Quiet faults, which it cannot see in the answer:

    - `withheld_pages`: a page lacks rows, but Total counts them.
    - `arriving`: after the page, a row arrives at the top: Total rises, all rows move down. Summaries include it.
    - `moving`: after the page, the top row goes to the end: Total stays, all rows move up.

    What arrived or moved stays so. A quiet fault without actions applies to DescribeCustomerBillDetail. It can name any
    action with pages, but `arriving` only the two that list bill lines.

    `unbound`: customers on the list whose requests are refused with NotCustomerUin. `unlisted`: customers missing from
    the list.
    """

    throttling: Fault | float = 0.0
    internal_error: Fault | float = 0.0
    service_busy: Fault | float = 0.0
    reset: Fault | float = 0.0
    slow: Fault | float = 0.0
    bad_gateway: Fault | float = 0.0
    truncated: Fault | float = 0.0
    withheld_pages: Fault | float = 0.0
    arriving: Fault | float = 0.0
    moving: Fault | float = 0.0
    unbound: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    slow_seconds: float = 5.0


class FaultTarget(NamedTuple):
    """What faults and statistics need to know of a request. `identity` is equal for equal requests."""

    action: str
    customer_uin: str | None
    page: int | None
    identity: str


class Dice:
    """Decides at random which requests faults hit, but always the same for the n-th occurrence of a request.

    So the faults of a run do not depend on the order of its requests, and a retry has a new chance.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.hits_of: Counter[str] = Counter()
        self._occurrences: Counter[tuple[str, str]] = Counter()

    def hit(self, name: str, call: FaultTarget) -> bool:
        """Return whether the named fault hits a request, and count it if so."""
        fault = getattr(self.faults, name)
        if not isinstance(fault, Fault):
            fault = Fault(rate=fault)
        actions = fault.actions or (QUIETLY if name in QUIET else ())
        if not (
            fault.rate > 0
            and (not actions or call.action in actions)
            and (not fault.customers or call.customer_uin in fault.customers)
            and (not fault.pages or call.page in fault.pages)
            and (fault.times is None or self.hits_of[name] < fault.times)
        ):
            return False
        self._occurrences[name, call.identity] += 1
        lot = hashlib.sha256(f"{name}|{call.identity}|{self._occurrences[name, call.identity]}".encode()).digest()
        hit = int.from_bytes(lot[:6], "big") < fault.rate * 2**48
        self.hits_of[name] += hit
        return hit
