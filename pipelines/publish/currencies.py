"""How many decimals an amount of a currency has on an invoice (ISO 4217), and how it is rounded to them.

What does not belong here: rates between currencies, which are the owner's to say.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

NO_CURRENCY = "no currency"
"""What stands for a currency that bill lines do not tell."""

_USUAL = 2
_OTHERS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_MINOR_UNITS = {currency: unit for unit, currencies in _OTHERS.items() for currency in currencies.split()}
_ROUNDING = Context(prec=100, rounding=ROUND_HALF_UP)


def minor_unit(currency: str | None) -> int:
    """Return the decimals of a currency's smallest unit; 2 for one that is not known or not told."""
    return _MINOR_UNITS.get(currency or "", _USUAL)


def rounded(amount: Decimal, currency: str | None) -> Decimal:
    """Round to the currency's smallest unit, halves away from zero, as spreadsheets do: -0.005 USD is -0.01."""
    return amount.quantize(Decimal(1).scaleb(-minor_unit(currency)), context=_ROUNDING)
