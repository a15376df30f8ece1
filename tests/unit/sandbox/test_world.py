"""The sandbox's world: who its customers are and how many lines each has."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pipelines.endpoints.shapes import Role
from pipelines.periods import BILLING_ZONE
from pipelines.sandbox import World, bill

MONTHS = ["2022-06", "2024-02", "2026-10"]


def test_customers_have_twelve_digits_and_differ() -> None:
    """Account ids are twelve digits, beyond 2^31, each once."""
    uins = World(customers=500).customer_uins
    assert len(set(uins)) == 500
    assert all(len(uin) == 12 and uin.isdigit() for uin in uins)


def test_more_customers_only_add() -> None:
    """A larger world has the smaller one's customers, in the same places."""
    assert World(customers=45).customer_uins[:12] == World(customers=12).customer_uins
    assert World(seed=2).customer_uins != World().customer_uins


@pytest.mark.parametrize("month", MONTHS)
def test_a_month_of_twelve_customers_has_about_3000_lines(month: str) -> None:
    """By default one customer has most lines, one's pages are full to the last, and one spends nothing."""
    counts = list(World().line_counts(month).values())
    assert 2800 < sum(counts) < 3200
    assert counts[0] > sum(counts) / 2
    assert any(count and count % 200 == 0 for count in counts)
    assert counts.count(0) == 1


def test_months_differ_in_who_spends_nothing() -> None:
    """The customers without spend are not the same in every month."""
    world = World()
    idle = {uin for month in MONTHS for uin, count in world.line_counts(month).items() if not count}
    assert len(idle) > 1


@pytest.mark.parametrize("month", MONTHS)
def test_the_large_month_has_the_measured_size(month: str) -> None:
    """45 customers, 43,798 lines, one with 27,509: 245 pages of 200 lines, in any month."""
    counts = World(customers=45, lines=43_798, largest=27_509).line_counts(month)
    assert (len(counts), sum(counts.values()), max(counts.values())) == (45, 43_798, 27_509)
    assert sum(-(-count // 200) for count in counts.values()) == 245
    assert 0 in counts.values()


@pytest.mark.parametrize(
    ("world", "counts"),
    [
        (World(customers=0), []),
        (World(customers=1, lines=10), [10]),
        (World(customers=2, lines=10, largest=4), [4, 6]),
        (World(customers=3, lines=0), [0, 0, 0]),
    ],
)
def test_small_worlds_have_the_lines_asked_for(world: World, counts: list[int]) -> None:
    """Any number of customers and lines can be had."""
    assert sorted(world.line_counts("2026-10").values()) == sorted(counts)


@pytest.mark.parametrize(
    "numbers",
    [{"customers": -1}, {"lines": 10, "largest": 11}, {"lines": -1}, {"moving_share": 0.31}, {"moving_share": -0.1}],
)
def test_numbers_that_do_not_go_together_are_refused(numbers: dict[str, int]) -> None:
    """A world that cannot be is refused when it is made."""
    with pytest.raises(ValueError, match="A world needs"):
        World(**numbers)


LARGE = World(customers=5000, lines=7500, largest=2, steepness=0, moving_share=0.02)
LATER = datetime(2026, 12, 20, tzinfo=BILLING_ZONE)


def booked(world: World) -> list[set[str]]:
    """Return the days of November on which each customer has lines."""
    return [set(world.bill_view(uin, "2026-11", LATER).days()) for uin in world.customer_uins]


def test_a_world_of_thousands_has_one_or_two_lines_a_customer() -> None:
    """Without steepness lines are spread evenly; one customer in ten has none."""
    counts = list(LARGE.line_counts("2026-10").values())
    assert (sum(counts), counts.count(0)) == (7500, 500)
    assert set(counts) == {0, 1, 2}


def test_only_a_share_of_customers_moves() -> None:
    """In any three days later in a month about the given share of customers has lines; all have them at its start."""
    days = booked(replace(LARGE, customers=2000, lines=3000))
    early = {"2026-11-01", "2026-11-02", "2026-11-03"}
    assert sum(bool(of & early) for of in days) > 1400
    assert sum(bool(of) for of in days) == 1800
    for window in ((5, 6, 7), (18, 19, 20), (28, 29, 30)):
        wanted = {f"2026-11-{day:02d}" for day in window}
        assert 24 < sum(bool(of & wanted) for of in days) < 56


def test_a_large_share_moves_early_in_a_month() -> None:
    """With a share of 0.24 about 8 % of the customers move on a day, until all have moved."""
    days = Counter(day for of in booked(replace(LARGE, customers=2000, lines=3000, moving_share=0.24)) for day in of)
    assert all(110 < days[f"2026-11-{day:02d}"] < 178 for day in range(4, 16))
    assert not any(days[f"2026-11-{day:02d}"] for day in range(17, 31))


def test_a_customer_with_many_lines_moves_with_its_last_ones() -> None:
    """Who moves has its last charge on that day and the others at the start; the lines are those of a still world."""
    still, moving = (World(customers=40, lines=2000, moving_share=share) for share in (0.0, 0.1))
    now = LATER
    movers = 0
    for uin in still.customer_uins:
        calm, other = (world.bill_view(uin, "2026-11", now) for world in (still, moving))
        assert set(calm.days()) <= {"2026-11-01", "2026-11-02", "2026-11-03"}
        assert calm.sums() == other.sums()
        late = set(other.days()) - set(calm.days())
        assert len(late) <= 1
        movers += len(late)
        seconds = [other.bill.second(index) for index in range(other.bill.count + 5)]
        assert seconds == sorted(seconds)
    assert 0 < movers < 40


def test_a_day_of_thousands_of_customers_makes_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requesting three days of every customer makes each bill once, and hardly more lines than it has."""
    made = 0
    charge = bill._charge

    def counted(*arguments: object) -> object:
        nonlocal made
        made += bill.CHARGE
        return charge(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bill, "_charge", counted)
    world, now = (
        World(seed=7, customers=300, lines=450, largest=2, steepness=0),
        datetime(2026, 12, 20, tzinfo=BILLING_ZONE),
    )
    for day in (18, 19, 20):
        for uin in world.customer_uins:
            world.bill_view(uin, "2026-11", now + timedelta(days=day)).days()
    assert 0 < made <= 270 * bill.CHARGE


def test_accounts_of_different_kinds_are_different() -> None:
    """Customers, indirect customers, resellers, applicants and the partner share no account."""
    world = World(customers=50, resellers=5, indirect_customers=9)
    indirect = [uin for reseller in world.reseller_uins for uin in world.indirect_uins(reseller)]
    everyone = [*world.customer_uins, *indirect, *world.reseller_uins, *world.applicant_uins, world.partner_uin]
    assert len(set(everyone)) == len(everyone) == 50 + 45 + 5 + 4 + 1
    assert all(len(uin) == 12 and uin.isdigit() for uin in everyone)


def test_resellers_change_nothing_for_direct_customers() -> None:
    """Customers and lines of the partner are the same with any number of second-level resellers."""
    few, many = World(resellers=0), World(resellers=5, indirect_customers=9)
    assert few.customer_uins == many.customer_uins
    assert few.line_counts("2026-10") == many.line_counts("2026-10")


def test_every_role_has_an_account_by_default() -> None:
    """The partner stands for distributors and resellers, the first of its kind for the others."""
    world = World()
    assert [world.default_uin(role) for role in Role] == [
        world.partner_uin,
        world.partner_uin,
        world.reseller_uins[0],
        world.customer_uins[0],
    ]


def test_indirect_customers_have_bills() -> None:
    """They have a few lines, in some months none; an account of nobody has no bill."""
    world = World()
    uins = [uin for reseller in world.reseller_uins for uin in world.indirect_uins(reseller)]
    counts = {uin: [world.bill(uin, month).count for month in ("2026-08", "2026-09", "2026-10")] for uin in uins}
    assert {count for of_uin in counts.values() for count in of_uin} > {0, 60}
    assert len({tuple(of_uin) for of_uin in counts.values()}) > 1
    with pytest.raises(KeyError):
        world.bill("100000000001", "2026-10")
