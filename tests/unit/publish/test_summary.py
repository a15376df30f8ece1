"""Tests of what is told of a release."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from pipelines.publish import build_and_publish, summary
from tests.lake import ASKED_AT, Pull, line, put, put_month

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_there_is_nothing_to_tell_without_a_release(tmp_path: Path) -> None:
    """Before the first release the summary is empty."""
    assert summary(tmp_path, ["2026-10"]) == []


def test_a_month_is_told_with_exact_costs_and_what_is_not_whole(tmp_path: Path) -> None:
    """Each account and month: customers, rows, costs per currency as decimals, flags, and who is not whole and why."""
    put_month(tmp_path, "2026-09", {"1": [line("a", "1")]})
    put_month(tmp_path, "2026-10", {"1": [line("a", "1234567890123.12345678"), line("b", "0.00000001")], "2": []})
    put(
        tmp_path,
        "bill_summary_by_region",
        "2026-10",
        {
            "1": Pull([{"TotalCost": "1"}]),
            "2": Pull(proof="failed", proven_at=None, reason="The customer is not yours."),
        },
    )
    put_month(tmp_path, "2026-10", {"7": [line("z", "3", Currency="CNY")]}, account="other", month_state="open")
    build_and_publish(tmp_path, now=NOW, code_version="test")
    other, sandbox = summary(tmp_path, ["2026-10", "2026-12"])
    assert other == {
        "is_partner": True,
        "account": "other",
        "bill_month": "2026-10",
        "month_state": "open",
        "customers": 1,
        "rows": 1,
        "costs": {"CNY": Decimal("3.00000000")},
        "is_complete": True,
        "is_reconciled": True,
        "not_whole": [],
        "as_of_at": ASKED_AT,
    }
    assert (sandbox["account"], sandbox["customers"], sandbox["rows"]) == ("sandbox", 2, 2)
    assert sandbox["costs"] == {"USD": Decimal("1234567890123.12345679")}
    assert (sandbox["is_complete"], sandbox["is_reconciled"]) == (False, False)
    assert [customer["customer_uin"] for customer in sandbox["not_whole"]] == ["1", "2"]
    assert "by region to 1.0" in sandbox["not_whole"][0]["reason"]
    assert "The customer is not yours." in sandbox["not_whole"][1]["reason"]
