"""How the report spells amounts, changes and times: exact where it can be, rounded where a label needs to be short."""

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
    """Spell an amount with all its decimals and its thousands apart: `1,234.50000000`."""
    return f"{amount:,.{_DECIMALS}f}"


def rounded(amount: Decimal, currency: str | None, *, sign: bool = False) -> str:
    """Spell an amount to its currency's minor unit, half up: for labels, never for sums."""
    return f"{currencies.rounded(amount, currency):{'+' if sign else ''},}"


def marked(amount: Decimal | None, currency: str | None, *, sign: bool = False) -> Markup:
    """Mark up an exact amount; digits beyond the currency's minor unit stand back."""
    if amount is None:
        return Markup('<span class="unknown">not known</span>')
    whole, _, decimals = exact(amount).partition(".")
    digits = currencies.minor_unit(currency)
    shown = f"{'+' if sign and amount > 0 else ''}{whole}" + (f".{decimals[:digits]}" if digits else "")
    rest = decimals[digits:] if digits else f".{decimals}"
    return Markup('<span class="amount">{}<small>{}</small></span>').format(shown, rest)


def share(part: Decimal, whole: Decimal) -> str:
    """Spell a part of a whole, such as `12.5 %`; nothing where the whole is not above zero."""
    return f"{part / whole * 100:.1f} %" if whole > 0 else ""


def change(cost: Decimal, previous: Decimal | None) -> str:
    """Spell a relative change, such as `+12.5 %`; nothing where there is nothing to compare with."""
    return f"{(cost - previous) / previous * 100:+,.1f} %" if previous is not None and previous > 0 else ""


def moment(at: datetime | None) -> str:
    """Spell an instant in UTC+8, to the minute."""
    return f"{at.astimezone(BILLING_ZONE):%Y-%m-%d %H:%M}" if at else "not known"


def month_name(key: str) -> str:
    """Spell a bill month in words: `October 2026`."""
    return f"{BillMonth(key).start:%B %Y}"


def bucket(days: str) -> str:
    """Spell a span of days: `1-30 days`; what is none stays as it is."""
    return f"{days} days" if days[-1:].isdigit() else days
