"""Tests of the smallest units of currencies, and of rounding to them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipelines.publish.currencies import minor_unit, rounded


@pytest.mark.parametrize(
    ("currency", "unit"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("CLF", 4), ("XXX", 2), (None, 2)],
)
def test_a_currency_has_the_decimals_of_its_smallest_unit(currency: str | None, unit: int) -> None:
    """Two for most, and for those that nobody knows."""
    assert minor_unit(currency) == unit


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.005", "USD", "0.01"),
        ("0.00499999", "USD", "0.00"),
        ("-0.005", "USD", "-0.01"),
        ("1.015", "USD", "1.02"),  # the double nearest to 1.015 is below it
        ("0.5", "JPY", "1"),
        ("-0.5", "JPY", "-1"),
        ("0.0005", "KWD", "0.001"),
        ("123456789012345678901234567890.12500000", "USD", "123456789012345678901234567890.13"),
    ],
)
def test_halves_are_rounded_away_from_zero(amount: str, currency: str, expected: str) -> None:
    """Half up for what is owed, and as much down for what is given back; no amount is too long."""
    assert str(rounded(Decimal(amount), currency)) == expected
