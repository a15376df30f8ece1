"""Decimals of each currency on an invoice (ISO 4217), and rounding to them.

Exchange rates do not belong here: the owner sets them in customers.csv.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

NO_CURRENCY = "no currency"
"""Shown in place of a currency for bill lines without one."""

_DEFAULT = 2
_OTHERS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_MINOR_UNITS = {currency: unit for unit, currencies in _OTHERS.items() for currency in currencies.split()}
_ROUNDING = Context(prec=100, rounding=ROUND_HALF_UP)


def minor_unit(currency: str | None) -> int:
    """Return the decimals of a currency's smallest unit; 2 for an unknown currency or none."""
    return _MINOR_UNITS.get(currency or "", _DEFAULT)


def rounded(amount: Decimal, currency: str | None) -> Decimal:
    """Round to the currency's smallest unit, halves away from zero as in spreadsheets: -0.005 USD becomes -0.01."""
    return amount.quantize(Decimal(1).scaleb(-minor_unit(currency)), context=_ROUNDING)
