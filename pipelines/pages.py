"""What extract hands over and land keeps: pages of rows as text, and how well each customer's rows are proven.

A row's fields are text exactly as the API spelled them. How they are asked for is `extract/`'s business, what becomes
of them `land/`'s.
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
"""The column that keeps, as JSON text, the fields the catalogue does not know."""

decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).decode
"""Decode JSON with every number as the very text that was sent: `1234567890123.12345678`, `0.10` and `-0` stay so."""


class Slice(NamedTuple):
    """What one question of a dataset is about: one listing, proven or not as a whole.

    `customer_uin` is None where the rows are not of one customer that was asked for. `slice_params` is the JSON object of the
    parameters that tell this question from others about the same customer and partition, compact and in the order of
    their names; empty where there are none.
    """

    customer_uin: str | None = None
    slice_params: str = ""

    @classmethod
    def of(cls, customer_uin: str | None, parameters: Mapping[str, Any]) -> Slice:
        """Make a subject of a customer and the parameters of its own."""
        if not parameters:
            return cls(customer_uin)
        return cls(customer_uin, json.dumps(parameters, ensure_ascii=False, separators=(",", ":"), sort_keys=True))

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its own."""
        return dict(json.loads(self.slice_params)) if self.slice_params else {}


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was answered. `rows`: the catalogue's columns and `_extra`, all text; `fetched_at` in UTC.

    `customer_uin` and `slice_params` are the `Slice`'s. `reply`: JSON text of what the reply holds beside rows, total and
    RequestId (None: nothing). `fields`: the names that came in any of its rows. `file`: the digest of the downloaded
    file that the rows stand in, and after a slash the archive's member if it is one (None: not from a file).
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
        """What it was asked about."""
        return Slice(self.customer_uin, self.slice_params)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the rows in their order; two pages with equal rows have equal digests."""
        return hashlib.sha256(self.rows.serialize()).hexdigest()


class Proof(StrEnum):
    """How far a customer's rows can be trusted."""

    PROVEN = "proven"
    """Rows equal the API's total, the listing stood still and, for a closed month, detail equals summary."""
    UNPROVEN = "unproven"
    """Rows were pulled, but one of these did not hold, however often they were asked."""
    FAILED = "failed"
    """The pull failed; rows landed before, if any, are kept."""


@dataclass(frozen=True, slots=True)
class SliceResult:
    """What came of asking about one subject.

    `rows` is what was pulled, `expected_rows` the API's total (None where the action gives none), `cost` the sum of the
    dataset's cost column (None where it has none). `reason` is empty for proven rows and a sentence otherwise; `code`
    and `request_id` are the API's, of a failure. `digest` is the same for two pulls with equal pages (empty: none
    came). Of a file, `rows` and `cost` are not known before it is read: landing counts them.
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
        """What was asked about."""
        return Slice(self.customer_uin, self.slice_params)


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A downloaded file, kept as received: where, its SHA-256 (hex), and which reply linked to it, when (UTC)."""

    slice: Slice
    path: Path
    digest: str
    request_id: str
    fetched_at: datetime


_LONGEST = 60
"""Characters, and powers of ten, beyond which a text is no amount; sums within are exact in `_EXACT`'s digits."""
_TOO_LARGE = Decimal(10) ** (_LONGEST + 1)
_EXACT = Context(prec=200, traps=[Inexact])


def parse_amount(text: str | None) -> Decimal:
    """Return the exact amount that a text spells, 0 if it spells none: staging's checks find what spells none."""
    if not text or len(text) > _LONGEST:
        return Decimal(0)
    try:
        value = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return value if value.is_finite() and abs(value.adjusted()) <= _LONGEST else Decimal(0)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts (`parse_amount`) without rounding; Python's default context would round at 28 digits."""
    total = Decimal(0)
    for value in amounts:
        total = _EXACT.add(total, value)
    return total


def exact_sum_of_texts(texts: Sequence[str | None]) -> Decimal:
    """Add the amounts that texts spell, as `exact_sum` of each `parse_amount` does, three times as fast."""
    try:
        if max(map(len, texts)) <= _LONGEST:  # type: ignore[arg-type]  # None goes the slow way
            values = list(map(Decimal, texts))  # type: ignore[arg-type]
            if min(values) > -_TOO_LARGE and max(values) < _TOO_LARGE:
                with localcontext(_EXACT):
                    total = sum(values, Decimal(0))
                if int(total.as_tuple().exponent) >= -_LONGEST:
                    return total
    except (TypeError, ValueError, ArithmeticError):
        pass
    return exact_sum(map(parse_amount, texts))


def text_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pa.RecordBatch:
    """Turn decoded rows into text columns; unknown fields go to `_extra` as one JSON object.

    Numbers must have been decoded as text (`decode`). null and an absent field are null. Lists and objects become JSON
    text; numbers inside them are quoted, which keeps every digit. Half of a surrogate pair, which no file can hold,
    stays the escape that was sent.
    """
    struct = pa.struct([(name, pa.string()) for name in columns])
    try:
        fields = pa.array(rows, struct)
    except (pa.ArrowTypeError, pa.ArrowInvalid, UnicodeEncodeError):  # a bool, something nested, half an emoji: rare
        fields = pa.array([{name: _text(row.get(name)) for name in columns} for row in rows], struct)
    extras = pa.array(_extras(rows, frozenset(columns)), pa.string())
    return pa.record_batch([*fields.flatten(), extras], names=[*columns, EXTRA])


def warm_up() -> None:
    """Make a first array, for which pyarrow imports pandas: seconds that no request should wait for."""
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
