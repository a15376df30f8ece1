"""When the next request of an action may leave: the arithmetic of the state that all processes share.

The service counts requests by arrival, in windows of one second (document 1278/109059). A slot is claimed at the moment
of use, never ahead, under two rules: requests are `interval` apart on average, and of any `limit` + 1 requests the
first and the last are at least one window apart. The first rule spreads requests evenly; the second keeps the limit
even after delays. Waiters are served in order of arrival, so no process starves another. Nothing here reads a disk or a
clock: times are seconds of one clock, passed in.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from math import inf, isfinite

WINDOW = 1.0
"""Seconds of the window in which the service counts requests."""
WIDEN_BY = 1.5
WIDEST = 4.0
"""Factor by which a throttling answer widens the interval, and its maximum."""
RECOVERY = 60.0
"""Seconds without a throttling answer after which the interval is back to normal."""
GRACE = 0.02
"""Seconds that a waiter leaves to each one before it in the queue."""
GONE_AFTER = 1.0
"""Seconds after its turn at which a waiter is assumed to be dead."""
_SLACK = 0.05
"""Seconds by which a stored time may be ahead of the clock and still be valid."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate limit in requests per second, and the share of each second kept free for jitter on the network."""

    limit: int
    margin: float

    @property
    def window(self) -> float:
        """Seconds in which at most `limit` requests may leave."""
        return WINDOW * (1 + self.margin)

    @property
    def interval(self) -> float:
        """Seconds between two requests on average."""
        return self.window / self.limit


@dataclass(slots=True)
class Schedule:
    """The shared state of one action.

    - `due`: when the next request may leave.
    - `clock`: which clock all times are of (a boot id).
    - `sends`: the requests of the last window (time, token), oldest first.
    - `queue`: the waiters (token, when they look again), in order of arrival.
    - `penalised`, `widening`: when a throttling answer last widened the interval, and by which factor.
    """

    due: float
    clock: str = ""
    sends: list[tuple[float, str]] = field(default_factory=list)
    queue: list[tuple[str, float]] = field(default_factory=list)
    widening: float = 1.0
    penalised: float | None = None

    @classmethod
    def cautious(cls, clock: str, now: float, rate: Rate) -> Schedule:
        """Return a state to start from if it is not known what was just sent: nothing leaves for one window."""
        return cls(due=now + rate.window, clock=clock)

    @classmethod
    def loads(cls, text: str, clock: str, now: float, rate: Rate) -> Schedule:
        """Read the state that `dumps` wrote. If it is not valid (cut off, of another clock), return a cautious one."""
        try:
            stored = json.loads(text)
            schedule = cls(
                due=float(stored["due"]),
                clock=str(stored["clock"]),
                sends=[(float(sent), str(token)) for sent, token in stored["sends"]],
                queue=[(str(token), float(until)) for token, until in stored["queue"]],
                widening=float(stored["widening"]),
                penalised=None if stored["penalised"] is None else float(stored["penalised"]),
            )
        except (ValueError, TypeError, KeyError):
            return cls.cautious(clock, now, rate)
        is_valid = schedule.clock == clock and schedule._is_valid(now, rate)
        return schedule if is_valid else cls.cautious(clock, now, rate)

    def dumps(self) -> str:
        """Return the state as JSON."""
        return json.dumps(asdict(self))

    def wait(self, token: str, now: float, rate: Rate) -> float:
        """Take or keep a place in the queue. Return the seconds until this waiter's turn; 0 or less means now."""
        self.queue = [(waiter, until) for waiter, until in self.queue if until + GONE_AFTER >= now or waiter == token]
        waiters = [waiter for waiter, _ in self.queue]
        place = waiters.index(token) if token in waiters else len(waiters)
        turn = max(self.due, self._room(rate)) + GRACE * place
        self.queue[place : place + 1] = [(token, turn)]
        return turn - now

    def claim(self, token: str, now: float, rate: Rate) -> None:
        """Take the slot that is due. A claim late by up to one interval does not delay those after it."""
        self.forget(token)
        interval = rate.interval * self._widening(now)
        self.due = max(self.due, now - interval) + interval
        self._record(token, now, rate)

    def forget(self, token: str) -> None:
        """Leave the queue."""
        self.queue = [(waiter, until) for waiter, until in self.queue if waiter != token]

    def move_claim(self, token: str, now: float, rate: Rate) -> float:
        """Move a claim to now if the window has room. Return the seconds to wait; 0 or less if moved."""
        wait = self._room(rate, without=token) - now
        if wait <= 0:
            self._record(token, now, rate)
        return wait

    def correct_claim(self, token: str, now: float, rate: Rate) -> None:
        """Record that a request left now, later than its claim, so that later requests keep their distance."""
        self._record(token, now, rate)

    def penalise(self, now: float, rate: Rate) -> None:
        """Slow down after a throttling answer: nothing leaves for one window, and the interval is wider after it.

        Several throttling answers within one window widen it only once.
        """
        self.due = max(self.due, now + rate.window)
        if self.penalised is None or now - self.penalised >= WINDOW:
            self.widening = min(WIDEST, self._widening(now) * WIDEN_BY)
            self.penalised = now

    def _widening(self, now: float) -> float:
        if self.penalised is None:
            return 1.0
        return 1.0 + (self.widening - 1.0) * max(0.0, 1.0 - (now - self.penalised) / RECOVERY)

    def _room(self, rate: Rate, without: str | None = None) -> float:
        """Return when the window has room for one more request; -inf if it has room now."""
        sends = [sent for sent, token in self.sends if token != without]
        return sends[-rate.limit] + rate.window if len(sends) >= rate.limit else -inf

    def _record(self, token: str, now: float, rate: Rate) -> None:
        """Record a request as sent now, and drop those that are no longer in the window."""
        recent = [(sent, other) for sent, other in self.sends if other != token and sent + rate.window > now]
        self.sends = sorted([*recent, (now, token)])

    def _is_valid(self, now: float, rate: Rate) -> bool:
        times = (self.due, self.widening, *(sent for sent, _ in self.sends), *(until for _, until in self.queue))
        return (
            all(map(isfinite, times))
            and self.due <= now + WIDEST * rate.window + _SLACK
            and all(sent <= now + _SLACK for sent, _ in self.sends)
            and 1.0 <= self.widening <= WIDEST
            and (self.penalised is None or self.penalised <= now + _SLACK)
        )
