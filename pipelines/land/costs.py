"""Exact sums of landed rows: of a column, and of a table's cost column by currency.

`pages.parse_amount` defines which amount a text stands for; a text that is not an amount adds nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.pages import exact_sum, exact_sum_of_texts

if TYPE_CHECKING:
    from collections import defaultdict

    from pipelines.endpoints.shapes import Dataset

_PLAIN = r"\A-?[0-9]{1,38}(\.[0-9]{0,18})?\z"
"""Texts that Arrow adds: 56 digits at most, so that 76 digits hold the sum of more rows than there can be."""
_DIGITS = 76


def total(texts: pa.Array | pa.ChunkedArray) -> Decimal:
    """Return the exact sum of amounts given as text, as `exact_sum_of_texts` does, but three times as fast."""
    if texts.null_count or not pc.all(pc.match_substring_regex(texts, _PLAIN), min_count=0).as_py():
        return exact_sum_of_texts(texts.to_pylist())
    point = pc.find_substring(texts, ".")
    decimals = pc.if_else(pc.equal(point, -1), 0, pc.subtract(pc.subtract(pc.binary_length(texts), point), 1))
    scale = pc.max(decimals).as_py() or 0
    added: Decimal | None = pc.sum(pc.cast(texts, pa.decimal256(_DIGITS, scale))).as_py()
    return Decimal(0) if added is None else added


def add_costs(costs: defaultdict[str, Decimal], table: pa.Table | pa.RecordBatch, dataset: Dataset) -> None:
    """Add a table's costs to `costs`, by currency ('' for rows without one). Without a cost column, add nothing."""
    if dataset.cost is None:
        return
    amounts = table.column(dataset.cost)
    if dataset.currency is None:
        costs[""] = exact_sum([costs[""], total(amounts)])
        return
    currencies = pc.fill_null(table.column(dataset.currency), "")
    for currency in currencies.unique().to_pylist():
        in_currency = amounts.filter(pc.equal(currencies, currency))
        costs[currency] = exact_sum([costs[currency], total(in_currency)])
