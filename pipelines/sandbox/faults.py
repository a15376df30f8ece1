"""What can go wrong in the sandbox, how often and for whom, and the dice that decide.

What a fault does to an answer is the gateway's business.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

QUIET = ("withheld_pages", "arriving", "moving")
"""Faults that an answer does not show."""
QUIETLY = ("DescribeCustomerBillDetail",)
"""The actions of a quiet fault that names none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: for a share of the requests (0 to 1) that are of these actions, customers and pages.

    Empty means any. `times`: at most so often in all (None: no end). `Fault(actions=("DescribeCustomerUin",), times=1)`
    hits the next request for the list of customers, and no other.
    """

    rate: float = 1.0
    actions: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    pages: tuple[int, ...] = ()
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong. A number is short for `Fault(rate=number)`.

    Loud ones: `throttling` (RequestLimitExceeded), `internal_error`, `service_busy`, `reset` (the connection breaks),
    `slow` (the answer takes `slow_seconds` more), `bad_gateway` (HTTP 502 with a page of HTML), `truncated` (half of
    the JSON). Quiet ones: `withheld_pages` (a page lacks rows, its Total does not say so), `arriving` (after the page a
    row arrives at the top: Total rises, every row moves down), `moving` (after the page the top row goes to the end:
    Total stays, every row moves up). What arrived or moved stays so, and summaries count what arrived. A quiet fault
    that names no actions is of DescribeCustomerBillDetail; it can name any action with pages, `arriving` only the two
    that list bill lines. `unbound`: customers, still listed, that answer NotCustomerUin; `unlisted`: customers that are
    not listed any more.
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
    """A request as far as faults and statistics tell requests apart. `identity` is equal for equal requests."""

    action: str
    customer_uin: str | None
    page: int | None
    identity: str


class Dice:
    """Decides which requests faults hit: by lot, but the n-th asking of the same question always draws the same lot.

    So what a run meets does not hang on the order in which its requests arrive, and asking again is another draw.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.hits_of: Counter[str] = Counter()
        self._asked: Counter[tuple[str, str]] = Counter()

    def hit(self, name: str, call: FaultTarget) -> bool:
        """Tell whether the fault of that name hits this call; if so, it has happened."""
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
        self._asked[name, call.identity] += 1
        lot = hashlib.sha256(f"{name}|{call.identity}|{self._asked[name, call.identity]}".encode()).digest()
        hit = int.from_bytes(lot[:6], "big") < fault.rate * 2**48
        self.hits_of[name] += hit
        return hit
