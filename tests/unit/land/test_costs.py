"""Sums of a column: quick, and to the last digit those of every single amount."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.land import costs
from pipelines.land.costs import total
from pipelines.pages import exact_sum_of_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN = st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{0,20})?", fullmatch=True)
MONEY = st.decimals(-(10**9), 10**9, places=8).map(str)
ANY = st.decimals(allow_nan=True, allow_infinity=True).map(str)
STRANGE = st.sampled_from([None, "", "-", "+1", ".5", "1.", " 1", "1\n", "1_0", "1,5", "1e5", "٣", "-0", "9" * 61, "x"])


@settings(max_examples=100)
@given(st.lists(PLAIN) | st.lists(MONEY) | st.lists(PLAIN | MONEY | ANY | STRANGE | st.text(max_size=5)))
@example([])
@example([None])
@example(["1.10", "2.2", "-0.000000000000000001"])
@example(["9" * 38 + "." + "9" * 18] * 100)
@example(["1\n"])
@example(["1."])
@example(["-0", "-0.00"])
def test_a_column_sums_to_what_its_texts_spell(texts: list[str | None]) -> None:
    """Whatever a column holds, its sum is that of every text's amount, digit for digit and spelled alike."""
    column = pa.array(texts, pa.string())
    expected = exact_sum_of_texts(texts)
    assert total(column) == expected
    assert total(pa.chunked_array([column[:3], column[3:]])) == expected
    if None not in texts and "" not in texts:
        assert format(total(column), "f").lstrip("-") == format(expected, "f").lstrip("-")


@pytest.mark.parametrize(
    ("texts", "is_quick"),
    [
        (["1.10", "-2", "0.00000001"], True),
        (["1e5", "1"], False),
        (["1", None], False),
        (["1", ""], False),
        (["1" * 39], False),
    ],
)
def test_only_what_is_strange_is_added_one_by_one(monkeypatch: pytest.MonkeyPatch, texts: Any, is_quick: Any) -> None:
    """Plain numbers are added in Arrow; a column with anything else is left to the slow way."""
    slow: list[Sequence[str | None]] = []
    monkeypatch.setattr(costs, "exact_sum_of_texts", lambda texts: (slow.append(texts), exact_sum_of_texts(texts))[1])
    assert total(pa.array(texts, pa.string())) == exact_sum_of_texts(texts)
    assert slow == ([] if is_quick else [texts])


def test_a_sum_of_nothing_is_zero() -> None:
    """A column without rows sums to 0."""
    assert total(pa.array([], pa.string())) == Decimal(0)
