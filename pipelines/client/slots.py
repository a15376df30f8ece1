"""When the next request of one action may leave: the arithmetic of the state that all processes share.

The service counts by arrival, in windows of one second (document 1278/109059). A slot is claimed at the moment it is
used, never ahead, under two rules: requests are `interval` apart on average, and the Nth request before lies at least
a window back. The first makes it even; the second holds whatever happens. Waiters are served in the order they came,
so no process starves another. Nothing here touches a disk or a clock: times are seconds of one clock, handed in.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from math import inf, isfinite

WINDOW = 1.0
"""Seconds over which the service counts."""
WIDEN_BY = 1.5
WIDEST = 4.0
"""How much further apart requests go after a throttling answer, and at most."""
RECOVERY = 60.0
"""Seconds without a throttling answer until requests are as close as before."""
GRACE = 0.02
"""Seconds by which a later waiter lets each earlier one go first."""
GONE_AFTER = 1.0
"""Seconds by which a waiter may be late before it is taken for dead."""
_SLACK = 0.05
"""Seconds by which a stored time may lie ahead of the clock and still be believed."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit in requests per second, and the part of each second that is left free for jitter on the way."""

    limit: int
    margin: float

    @property
    def window(self) -> float:
        """Seconds in which at most `limit` requests leave."""
        return WINDOW * (1 + self.margin)

    @property
    def interval(self) -> float:
        """Seconds between two requests on average."""
        return self.window / self.limit


@dataclass(slots=True)
class Schedule:
    """The shared state of one action.

    `due` is when the next request is, `clock` names the clock of all times, `sends` are the requests of the last window
    (time, token), oldest first, `queue` the waiters (token, when they look again) in the order they came, `penalised`
    is when a throttling answer last widened the interval, by the factor `widening`.
    """

    due: float
    clock: str = ""
    sends: list[tuple[float, str]] = field(default_factory=list)
    queue: list[tuple[str, float]] = field(default_factory=list)
    widening: float = 1.0
    penalised: float | None = None

    @classmethod
    def cautious(cls, clock: str, now: float, rate: Rate) -> Schedule:
        """A state to start from when it is not known what has just been sent: nothing leaves for a window."""
        return cls(due=now + rate.window, clock=clock)

    @classmethod
    def loads(cls, text: str, clock: str, now: float, rate: Rate) -> Schedule:
        """Read what `dumps` wrote. A state that cannot be true (cut off, of another clock) becomes a cautious one."""
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
        believed = schedule.clock == clock and schedule._believable(now, rate)
        return schedule if believed else cls.cautious(clock, now, rate)

    def dumps(self) -> str:
        """Write the state as JSON."""
        return json.dumps(asdict(self))

    def wait(self, token: str, now: float, rate: Rate) -> float:
        """Take or keep a place in the queue; return the seconds until this waiter's turn, 0 or less for now."""
        self.queue = [(waiter, until) for waiter, until in self.queue if until + GONE_AFTER >= now or waiter == token]
        waiters = [waiter for waiter, _ in self.queue]
        place = waiters.index(token) if token in waiters else len(waiters)
        turn = max(self.due, self._room(rate)) + GRACE * place
        self.queue[place : place + 1] = [(token, turn)]
        return turn - now

    def claim(self, token: str, now: float, rate: Rate) -> None:
        """Take the slot that is due. A late claim does not delay those after it, by up to one interval."""
        self.forget(token)
        interval = rate.interval * self._widened(now)
        self.due = max(self.due, now - interval) + interval
        self._sent(token, now, rate)

    def forget(self, token: str) -> None:
        """Leave the queue."""
        self.queue = [(waiter, until) for waiter, until in self.queue if waiter != token]

    def move_claim(self, token: str, now: float, rate: Rate) -> float:
        """Move a claim to now if the window has room; return the seconds until it may have, 0 or less if moved."""
        wait = self._room(rate, without=token) - now
        if wait <= 0:
            self._sent(token, now, rate)
        return wait

    def correct_claim(self, token: str, now: float, rate: Rate) -> None:
        """Record that the request left now, later than it had claimed; nothing can be done about that but tell."""
        self._sent(token, now, rate)

    def penalise(self, now: float, rate: Rate) -> None:
        """After a throttling answer: nothing leaves for a window, and then further apart than before.

        The answers to several requests of one second tell one thing, so they widen once.
        """
        self.due = max(self.due, now + rate.window)
        if self.penalised is None or now - self.penalised >= WINDOW:
            self.widening = min(WIDEST, self._widened(now) * WIDEN_BY)
            self.penalised = now

    def _widened(self, now: float) -> float:
        if self.penalised is None:
            return 1.0
        return 1.0 + (self.widening - 1.0) * max(0.0, 1.0 - (now - self.penalised) / RECOVERY)

    def _room(self, rate: Rate, without: str | None = None) -> float:
        """When the window has room for one more request; long ago, if it has now."""
        sends = [sent for sent, token in self.sends if token != without]
        return sends[-rate.limit] + rate.window if len(sends) >= rate.limit else -inf

    def _sent(self, token: str, now: float, rate: Rate) -> None:
        """Record a request as sent now, and drop what has left the window."""
        recent = [(sent, other) for sent, other in self.sends if other != token and sent + rate.window > now]
        self.sends = sorted([*recent, (now, token)])

    def _believable(self, now: float, rate: Rate) -> bool:
        times = (self.due, self.widening, *(sent for sent, _ in self.sends), *(until for _, until in self.queue))
        return (
            all(map(isfinite, times))
            and self.due <= now + WIDEST * rate.window + _SLACK
            and all(sent <= now + _SLACK for sent, _ in self.sends)
            and 1.0 <= self.widening <= WIDEST
            and (self.penalised is None or self.penalised <= now + _SLACK)
        )
