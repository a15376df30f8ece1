"""Formats of amounts, changes and times in the report: exact in tables, rounded in the short labels of charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from pipelines.periods import BILLING_ZONE, BillMonth
from pipelines.publish import currencies

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

NAMELESS = "(no name)"

_DECIMALS = 8


def exact(amount: Decimal) -> str:
    """Format an amount with all eight decimals and thousands separators: `1,234.50000000`."""
    return f"{amount:,.{_DECIMALS}f}"


def rounded(amount: Decimal, currency: str | None, *, sign: bool = False) -> str:
    """Format an amount rounded half up to its currency's minor unit. For labels only; never add these up."""
    return f"{currencies.rounded(amount, currency):{'+' if sign else ''},}"


def marked(amount: Decimal | None, currency: str | None, *, sign: bool = False) -> Markup:
    """Return an exact amount as HTML, with the digits beyond the currency's minor unit in small print."""
    if amount is None:
        return Markup('<span class="unknown">not known</span>')
    whole, _, decimals = exact(amount).partition(".")
    digits = currencies.minor_unit(currency)
    shown = f"{'+' if sign and amount > 0 else ''}{whole}" + (f".{decimals[:digits]}" if digits else "")
    rest = decimals[digits:] if digits else f".{decimals}"
    return Markup('<span class="amount">{}<small>{}</small></span>').format(shown, rest)


def share(part: Decimal, whole: Decimal) -> str:
    """Format a part of a whole, such as `12.5 %`; empty unless the whole is above zero."""
    return f"{part / whole * 100:.1f} %" if whole > 0 else ""


def change(cost: Decimal, previous: Decimal | None) -> str:
    """Format a relative change, such as `+12.5 %`; empty unless the previous cost is above zero."""
    return f"{(cost - previous) / previous * 100:+,.1f} %" if previous is not None and previous > 0 else ""


def moment(at: datetime | None) -> str:
    """Format an instant in UTC+8, to the minute."""
    return f"{at.astimezone(BILLING_ZONE):%Y-%m-%d %H:%M}" if at else "not known"


def month_name(key: str) -> str:
    """Format a bill month: `October 2026`."""
    return f"{BillMonth(key).start:%B %Y}"


def bucket(days: str) -> str:
    """Format an age bucket, such as `1-30 days`; one that does not end in a number is returned unchanged."""
    return f"{days} days" if days[-1:].isdigit() else days
