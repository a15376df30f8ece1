"""Tests of what is told of a release."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pipelines.publish import summary
from tests.lake import REQUESTED_AT

if TYPE_CHECKING:
    from pathlib import Path


def test_there_is_nothing_to_tell_without_a_release(tmp_path: Path) -> None:
    """Before the first release the summary is empty."""
    assert summary(tmp_path, ["2026-10"]) == []


def test_a_month_is_told_with_exact_costs_and_what_is_not_whole(published: Path) -> None:
    """Each account and month: customers, rows, costs per currency as decimals, flags, and who is not whole and why."""
    other, sandbox = summary(published, ["2026-04", "2026-12"])
    assert other == {
        "is_partner": True,
        "account": "other",
        "bill_month": "2026-04",
        "month_state": "open",
        "customers": 1,
        "rows": 1,
        "costs": {"CNY": Decimal("3.00000000")},
        "is_complete": True,
        "is_reconciled": True,
        "not_whole": [],
        "as_of_at": REQUESTED_AT,
    }
    assert (sandbox["account"], sandbox["customers"], sandbox["rows"]) == ("sandbox", 2, 2)
    assert sandbox["costs"] == {"USD": Decimal("1234567890123.12345679")}
    assert (sandbox["is_complete"], sandbox["is_reconciled"]) == (False, False)
    assert [customer["customer_uin"] for customer in sandbox["not_whole"]] == ["1", "2"]
    for amount in ("1234567890123.12345679", "1.00000000"):
        assert amount in sandbox["not_whole"][0]["reason"]
    assert "The API said no." in sandbox["not_whole"][1]["reason"]
