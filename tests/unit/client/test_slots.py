"""The arithmetic of slots: pace, window, queue, penalties and states that cannot be true."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.client.slots import GONE_AFTER, GRACE, RECOVERY, WIDEST, Rate, Schedule

FIVE = Rate(5, 0.03)
ONE = Rate(1, 0.03)
NOW = 1000.0
SCALARS = st.none() | st.floats() | st.text(max_size=5)


def claims(schedule: Schedule, rate: Rate, count: int, late: float = 0.0) -> list[float]:
    """Claim `count` slots, each `late` after it was due, and return when."""
    now, taken = NOW, []
    for number in range(count):
        wait = schedule.wait(str(number), now, rate)
        now += max(0.0, wait) + late
        assert schedule.wait(str(number), now, rate) <= 1e-9
        schedule.claim(str(number), now, rate)
        taken.append(now)
    return taken


@pytest.mark.parametrize("rate", [ONE, FIVE, Rate(20, 0.03), Rate(5, 0.0)], ids=str)
def test_claims_are_an_interval_apart(rate: Rate) -> None:
    """With someone always waiting, requests leave at limit / (1 + margin) a second, evenly."""
    taken = claims(Schedule(due=NOW), rate, 60)
    gaps = [later - earlier for earlier, later in pairwise(taken)]
    assert gaps == pytest.approx([(1 + rate.margin) / rate.limit] * 59)


def test_waking_late_costs_only_the_lateness_of_a_window() -> None:
    """Claims that are each 10 ms late lose 10 ms in a window, not 10 ms in an interval."""
    taken = claims(Schedule(due=NOW), FIVE, 101, late=0.01)
    assert taken[-1] - taken[0] <= 20 * (1.03 + 0.011)


@given(
    limit=st.integers(1, 20),
    lateness=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=80),
)
def test_no_window_ever_holds_more_than_the_limit(limit: int, lateness: list[float]) -> None:
    """However late each claim is, and after any idle time, the Nth request before lies at least a window back."""
    rate = Rate(limit, 0.03)
    schedule, now, taken = Schedule(due=NOW), NOW, []
    for number, late in enumerate(lateness):
        now += max(0.0, schedule.wait(str(number), now, rate)) + late
        schedule.claim(str(number), now, rate)
        taken.append(now)
    for earlier, later in zip(taken, taken[limit:], strict=False):
        assert later - earlier >= 1.03 - 1e-6


def test_waiters_are_served_in_the_order_they_came() -> None:
    """A later waiter lets an earlier one go first, by a moment; then it is its turn."""
    schedule = Schedule(due=NOW)
    assert schedule.wait("first", NOW - 1, ONE) == pytest.approx(1.0)
    assert schedule.wait("second", NOW - 0.9, ONE) == pytest.approx(0.9 + GRACE)
    assert schedule.wait("second", NOW, ONE) == pytest.approx(GRACE)
    assert schedule.wait("first", NOW, ONE) <= 0
    schedule.claim("first", NOW, ONE)
    assert schedule.wait("first again", NOW, ONE) == pytest.approx(1.03 + GRACE)
    assert schedule.wait("second", NOW, ONE) == pytest.approx(1.03)


def test_a_waiter_that_died_costs_a_moment_and_is_forgotten() -> None:
    """The slot of a dead waiter goes to the next, and after a while the dead one is not waited for at all."""
    schedule = Schedule(due=NOW)
    schedule.wait("dead", NOW, FIVE)
    assert schedule.wait("alive", NOW + GRACE, FIVE) <= 1e-9
    schedule.claim("alive", NOW + GRACE, FIVE)
    later = NOW + GONE_AFTER + 1
    assert schedule.wait("next", later, FIVE) <= 0
    assert [waiter for waiter, _ in schedule.queue] == ["next"]


def test_a_late_departure_moves_the_claim() -> None:
    """A request that leaves late counts from then: at one a second, the next leaves a window after it."""
    schedule = Schedule(due=NOW)
    schedule.wait("slow", NOW, ONE)
    schedule.claim("slow", NOW, ONE)
    assert schedule.move_claim("slow", NOW + 0.4, ONE) <= 0
    assert schedule.wait("next", NOW + 0.5, ONE) == pytest.approx(0.4 + 1.03 - 0.5)


def test_a_departure_waits_if_others_have_filled_the_window() -> None:
    """A handshake of several seconds does not put two requests into one window."""
    schedule = Schedule(due=NOW)
    schedule.claim("slow", NOW, ONE)
    schedule.claim("other", NOW + 1.03, ONE)
    assert schedule.move_claim("slow", NOW + 1.5, ONE) == pytest.approx(1.03 + 1.03 - 1.5)
    assert schedule.move_claim("slow", NOW + 2.06, ONE) <= 1e-9
    assert schedule.wait("next", NOW + 2.06, ONE) == pytest.approx(1.03)


def test_a_correction_replaces_the_claim() -> None:
    """A request is counted once, at the time it left."""
    schedule = Schedule(due=NOW)
    schedule.claim("a", NOW, FIVE)
    schedule.correct_claim("a", NOW + 0.3, FIVE)
    assert schedule.sends == [(NOW + 0.3, "a")]


def test_a_penalty_holds_all_back_and_widens_once_a_second() -> None:
    """After a throttling answer nothing leaves for a window; three answers of one burst widen as one."""
    schedule = Schedule(due=NOW)
    for _ in range(3):
        schedule.penalise(NOW, FIVE)
    assert schedule.wait("next", NOW, FIVE) == pytest.approx(1.03)
    assert schedule.widening == 1.5
    schedule.claim("next", NOW + 1.03, FIVE)
    assert schedule.due == pytest.approx(NOW + 1.03 + 1.5 * 1.03 / 5, rel=1e-4)


def test_widening_has_an_end() -> None:
    """Penalty upon penalty spaces requests at most four times as wide."""
    schedule = Schedule(due=NOW)
    for second in range(0, 60, 2):
        schedule.penalise(NOW + second, FIVE)
    assert schedule.widening <= WIDEST
    assert schedule.widening > WIDEST * 0.9


def test_widening_wears_off() -> None:
    """Half a minute after the last penalty half of it is left, after a minute nothing."""
    schedule = Schedule(due=NOW)
    schedule.penalise(NOW, FIVE)
    for after, factor in ((RECOVERY / 2, 1.25), (RECOVERY, 1.0), (10 * RECOVERY, 1.0)):
        schedule.due = NOW + after
        schedule.claim("a", NOW + after, FIVE)
        assert schedule.due - (NOW + after) == pytest.approx(factor * 1.03 / 5)


def test_a_state_survives_being_written_and_read() -> None:
    """Reading gives what was written, to the last digit."""
    schedule = Schedule(due=NOW, clock="boot")
    claims(schedule, FIVE, 4)
    schedule.penalise(NOW + 0.7, FIVE)
    schedule.wait("waiting", NOW + 0.7, FIVE)
    assert Schedule.loads(schedule.dumps(), "boot", NOW + 0.8, FIVE) == schedule


GOOD = json.loads(Schedule(due=NOW, clock="boot", sends=[(NOW - 0.1, "a")], queue=[("b", NOW)]).dumps())


UNTRUE = [
    "\0\0\0",
    "{",
    "[]",
    "null",
    json.dumps(GOOD)[:-9],
    json.dumps(GOOD | {"due": NOW + 60}),
    json.dumps(GOOD | {"due": float("nan")}),
    json.dumps(GOOD | {"due": float("inf")}),
    json.dumps(GOOD | {"due": None}),
    json.dumps(GOOD | {"sends": [[NOW + 5, "a"]]}),
    json.dumps(GOOD | {"sends": [1]}),
    json.dumps(GOOD | {"sends": [[float("-inf"), "a"]]}),
    json.dumps(GOOD | {"queue": [["b"]]}),
    json.dumps(GOOD | {"widening": 0.1}),
    json.dumps(GOOD | {"widening": 1000}),
    json.dumps(GOOD | {"penalised": NOW + 5}),
    json.dumps(GOOD | {"clock": "another boot"}),
    json.dumps({name: value for name, value in GOOD.items() if name != "widening"}),
]


def test_a_state_that_cannot_be_true_becomes_a_cautious_one() -> None:
    """Torn, foreign or impossible states are replaced: nothing leaves for a window, then all goes on."""
    cautious = Schedule(due=NOW + 1.03, clock="boot")
    assert [text for text in UNTRUE if Schedule.loads(text, "boot", NOW, FIVE) != cautious] == []


def test_a_good_state_is_believed() -> None:
    """The state that the cases above are made from is itself taken as it is."""
    assert Schedule.loads(json.dumps(GOOD), "boot", NOW, FIVE).sends == [(NOW - 0.1, "a")]


@given(text=st.text(max_size=30) | st.recursive(SCALARS, st.lists, max_leaves=5).map(json.dumps))
def test_no_content_breaks_the_reading(text: str) -> None:
    """Whatever stands in the file, reading gives a state that lets requests leave within a few seconds."""
    assert Schedule.loads(text, "boot", NOW, ONE).wait("a", NOW, ONE) <= 5
