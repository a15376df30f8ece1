"""A published home, and one with closed months, made once; tests that write take a copy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pipelines.periods import BillMonth
from pipelines.publish import build_and_publish
from pipelines.publish.closing import close_month
from tests.lake import Pull, line, put, put_month
from tests.shared import copy, made_once

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.model.closes import Close

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STRANGE = "../../etc/passwd"
"""The number of a customer, as somebody might wish."""
TERMS = "account,customer_uin,display_name,markup,tax,invoice_currency,rate,valid_from"


def publish(home: Path) -> None:
    """Publish what is landed, without masks."""
    build_and_publish(home, now=NOW, code_version="test", masked=False)


def close(home: Path, month: str, reason: str, terms_file: Path | None = None) -> Close:
    """Close a month and publish that it is."""
    return close_month(
        home,
        BillMonth(month),
        now=NOW,
        code_version="test",
        reason=reason,
        terms_file=terms_file,
        masked=False,
    )


def terms_file(home: Path, *rows: str) -> Path:
    """Write customers.csv."""
    file = home / "customers.csv"
    file.write_text("\n".join([TERMS, *rows]))
    return file


def land(home: Path) -> None:
    """Land months of two accounts, each month with another thing to tell of it."""
    other = {"account": "other"}
    yuan, failed = line("z", "3", Currency="CNY"), Pull(proof="failed", proven_at=None, reason="The API said no.")
    # Exact sums of many digits; of both customers a summary is wrong. The other account landed while the month ran.
    bills = {"1": [line("a", "1234567890123.12345678"), line("b", "0.00000001")], "2": []}
    put_month(home, "2026-04", bills)
    put(home, "bill_summary_by_region", "2026-04", {"1": Pull([{"TotalCost": "1"}]), "2": failed})
    put_month(home, "2026-04", {"7": [yuan]}, **other, month_state="open")
    # The bill of a whole account did not land, though its summaries did.
    put_month(home, "2026-05", {"1": [line("a", "1")]})
    put_month(home, "2026-05", {"7": [yuan]}, **other)
    put(home, "customer_bill_detail", "2026-05", {"7": []}, **other)
    # The bill of one customer did not land.
    put_month(home, "2026-06", {"1": [line("a", "1")]})
    put_month(home, "2026-06", {"7": [yuan]}, **other)
    put(home, "customer_bill_detail", "2026-06", {"7": Pull([yuan]), "8": failed}, **other)
    # Nobody was billed by one account, or by any.
    put_month(home, "2026-07", {"1": [line("a", "1")]})
    put_month(home, "2026-07", {"7": []}, **other)
    put_month(home, "2026-08", {"1": []})
    put_month(home, "2026-08", {"7": []}, **other)
    # One customer's sums do not agree.
    put_month(home, "2026-09", {"1": [line("a", "4")], "2": [line("b", "5")]})
    put(home, "bill_summary_by_region", "2026-09", {"1": Pull([{"TotalCost": "1"}]), "2": Pull([{"TotalCost": "5"}])})
    put_month(home, "2026-09", {"7": [yuan]}, **other)
    # As it should be, but for a customer whose two currencies no summary tells apart.
    bills = {
        "1": [line("a", "1234.00500000"), line("b", "-0.00000001", Region="Tokyo")],
        "2": [line("c", "4"), line("d", "5", Currency="CNY")],
        "3": [],
        STRANGE: [line("e", "1")],
    }
    put_month(home, "2026-10", bills)
    put_month(home, "2026-10", {"7": [yuan]}, **other)
    # It still runs, and has a line that is nobody's.
    put_month(home, "2026-11", {"1": [line("a", "1")]}, month_state="open")
    pulls = {"1": Pull([line("a", "1")]), None: Pull([line("x", "2")])}
    put(home, "customer_bill_detail", "2026-11", pulls, month_state="open")
    for month, unpaid in (("2026-09", "3"), ("2026-10", "0.25"), ("2026-11", "1")):
        put(home, "customer_bill_unpaid", month, {"1": Pull([{"TotalCost": unpaid}])})
        put(home, "customer_bill_unpaid", month, {"7": Pull([{"TotalCost": "2"}])}, **other)


def make_published(home: Path) -> None:
    """Land the months and publish them."""
    land(home)
    publish(home)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the published home; nothing may write into it."""
    home, _ = made_once(tmp_path_factory, "published_home", make_published)
    return home


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    """Give a copy of the published home."""
    return copy(published, tmp_path / "home")


@pytest.fixture(scope="session")
def closed(published: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Close]:
    """Give the home with two closed months, and what the close of 2026-10 came to; nothing may write into it.

    2026-09 was closed without terms, 2026-10 with a markup for one customer, both with a reason.
    """

    def make_closed(home: Path) -> Close:
        copy(published, home)
        close(home, "2026-09", "customer 1 disputes it")
        terms = terms_file(home, "sandbox,1,As closed,5%,,,,")
        return close(home, "2026-10", "customer 1 disputes it", terms)

    return made_once(tmp_path_factory, "closed_home", make_closed)


@pytest.fixture
def closed_home(closed: tuple[Path, Close], tmp_path: Path) -> Path:
    """Give a copy of the home with closed months."""
    return copy(closed[0], tmp_path / "home")
