"""The sandbox's world: who its customers are and how many lines each has."""

from __future__ import annotations

import pytest

from pipelines.sandbox import World

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


@pytest.mark.parametrize("numbers", [{"customers": -1}, {"lines": 10, "largest": 11}, {"lines": -1}])
def test_numbers_that_do_not_go_together_are_refused(numbers: dict[str, int]) -> None:
    """A world that cannot be is refused when it is made."""
    with pytest.raises(ValueError, match="A world needs"):
        World(**numbers)
