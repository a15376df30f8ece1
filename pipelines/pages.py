"""What extract hands to land: slices, pages of rows, results and downloaded files; and exact sums of amounts.

All values in rows are text, exactly as the API sent them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

EXTRA = "_extra"
"""The column with the fields that the catalogue does not know, as JSON text."""

decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).decode
"""Decode JSON with every number as the text that was sent: `1234567890123.12345678`, `0.10` and `-0` stay so."""


class Slice(NamedTuple):
    """One unit of a pull, as in Airbyte's stream slice: one customer, batch of customers, voucher or grouping.

    A slice is one listing of rows, of one or many pages. It is proven, resumed and replaced as a whole.

    - `customer_uin`: the customer that was requested; None if the request names none, or several.
    - `slice_params`: the request parameters that tell this slice from others of the same customer and partition, as
      compact JSON sorted by name; empty if there are none.
    """

    customer_uin: str | None = None
    slice_params: str = ""

    @classmethod
    def of(cls, customer_uin: str | None, parameters: Mapping[str, Any]) -> Slice:
        """Return the slice of a customer (or None) and its own request parameters."""
        if not parameters:
            return cls(customer_uin)
        return cls(customer_uin, json.dumps(parameters, ensure_ascii=False, separators=(",", ":"), sort_keys=True))

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters in `slice_params`, decoded."""
        return dict(json.loads(self.slice_params)) if self.slice_params else {}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a slice, as received.

    - `customer_uin`, `slice_params`: the slice's.
    - `number`: the page's number.
    - `rows`: the catalogue's columns and `_extra`, all text.
    - `fetched_at`: in UTC.
    - `reply`: JSON text of what the reply has apart from rows, total and RequestId; None if nothing.
    - `fields`: the field names that occur in any of its rows.
    - `file`: the digest of the downloaded file with the rows, and `/<member>` if that is an archive; None if the rows
      are not from a file.
    """

    customer_uin: str | None
    number: int
    request_id: str
    fetched_at: datetime
    rows: pa.RecordBatch
    slice_params: str = ""
    reply: str | None = None
    fields: frozenset[str] = frozenset()
    file: str | None = None

    @property
    def slice(self) -> Slice:
        """The slice it belongs to."""
        return Slice(self.customer_uin, self.slice_params)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the rows in their order. Pages with equal rows have equal digests."""
        return hashlib.sha256(self.rows.serialize()).hexdigest()


class Proof(StrEnum):
    """How far a slice's rows can be trusted."""

    PROVEN = "proven"
    """Rows match the API's total, nothing changed between pages and, for an issued month, detail equals summary."""
    UNPROVEN = "unproven"
    """Rows were received, but one of these conditions never held, over several attempts."""
    FAILED = "failed"
    """No complete rows were received. Rows landed before, if any, are kept."""


@dataclass(frozen=True, slots=True)
class SliceResult:
    """The result of pulling one slice: how many rows came, their cost, and whether they are proven.

    - `customer_uin`, `slice_params`: the slice's.
    - `proof`: proven, unproven or failed. `reason` says why it is not proven; it is empty if it is.
    - `rows`: how many rows were received; `expected_rows`: the API's total, None if the action gives none.
    - `cost`: the sum of the dataset's cost column, None if it has none.
    - `proven_at`: when the proven rows were received (UTC).
    - `code`, `request_id`: of the failure, as the API gave them.
    - `digest`: equal for two pulls with equal pages; empty if no page came.

    For a file, `rows` and `cost` are known only when landing has read it.
    """

    customer_uin: str | None
    proof: Proof
    rows: int
    expected_rows: int | None
    cost: Decimal | None
    proven_at: datetime | None
    reason: str = ""
    code: str | None = None
    request_id: str | None = None
    slice_params: str = ""
    digest: str = ""

    @property
    def slice(self) -> Slice:
        """The slice it is about."""
        return Slice(self.customer_uin, self.slice_params)


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A downloaded file, kept as received.

    `digest` is its SHA-256 (hex), `request_id` that of the reply with the link, `fetched_at` in UTC.
    """

    slice: Slice
    path: Path
    digest: str
    request_id: str
    fetched_at: datetime


_LARGEST_AMOUNT = 60
"""Limit of an amount, in characters and in powers of ten. Sums of amounts within it are exact in `_EXACT`."""
_TOO_LARGE = Decimal(10) ** (_LARGEST_AMOUNT + 1)
_EXACT = Context(prec=200, traps=[Inexact])


def parse_amount(text: str | None) -> Decimal:
    """Return the exact amount in a text, 0 if it is not one. The checks of staging models report such texts."""
    if not text or len(text) > _LARGEST_AMOUNT:
        return Decimal(0)
    try:
        value = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return value if value.is_finite() and abs(value.adjusted()) <= _LARGEST_AMOUNT else Decimal(0)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts from `parse_amount` without rounding. Python's default context would round at 28 digits."""
    total = Decimal(0)
    for value in amounts:
        total = _EXACT.add(total, value)
    return total


def exact_sum_of_texts(texts: Sequence[str | None]) -> Decimal:
    """Add the amounts in texts: the `exact_sum` of each `parse_amount`, three times as fast."""
    try:
        if max(map(len, texts)) <= _LARGEST_AMOUNT:  # type: ignore[arg-type]  # None takes the slow way
            values = list(map(Decimal, texts))  # type: ignore[arg-type]
            if min(values) > -_TOO_LARGE and max(values) < _TOO_LARGE:
                with localcontext(_EXACT):
                    total = sum(values, Decimal(0))
                if int(total.as_tuple().exponent) >= -_LARGEST_AMOUNT:
                    return total
    except (TypeError, ValueError, ArithmeticError):
        pass
    return exact_sum(map(parse_amount, texts))


def text_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pa.RecordBatch:
    """Turn decoded rows into text columns. Unknown fields go to `_extra` as one JSON object.

    Numbers must have been decoded as text (`decode`). A null and an absent field both become null. Lists and objects
    become JSON text; numbers inside them are quoted, which keeps every digit. Half of a surrogate pair, which no file
    can hold, is kept as its escape sequence.
    """
    struct = pa.struct([(name, pa.string()) for name in columns])
    try:
        fields = pa.array(rows, struct)
    except (pa.ArrowTypeError, pa.ArrowInvalid, UnicodeEncodeError):  # a bool, something nested, half an emoji: rare
        fields = pa.array([{name: _text(row.get(name)) for name in columns} for row in rows], struct)
    extras = pa.array(_extras(rows, frozenset(columns)), pa.string())
    return pa.record_batch([*fields.flatten(), extras], names=[*columns, EXTRA])


def warm_up() -> None:
    """Make pyarrow import pandas now, with a first array. It takes seconds, and no request should wait for that."""
    text_rows([{"": ""}], ("",))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace").decode()


def _extras(rows: Sequence[dict[str, Any]], known: frozenset[str]) -> list[str | None]:
    return [
        None if known.issuperset(row) else _text({name: value for name, value in row.items() if name not in known})
        for row in rows
    ]
