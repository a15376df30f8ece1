"""Rows keep every character the API sent, and amounts add up exactly."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.pages import EXTRA, Page, decode, exact_sum, exact_sum_of_texts, parse_amount, text_rows
from tests.unit.matrix import check_all

if TYPE_CHECKING:
    import random

NUMBERS = [
    "0.10",
    "-0",
    "-0.0",
    "1E5",
    "1e-7",
    "0",
    "1234567890123.12345678",
    "123456789012345678901234567890",
    "0.123456789012345678901234567890",
    "-99999999999999999999.00",
]


def landed(text: str, columns: tuple[str, ...]) -> dict[str, list[str | None]]:
    """Decode one row of JSON and return its columns."""
    return text_rows([decode(text)], columns).to_pydict()


def test_a_number_keeps_its_spelling() -> None:
    """A JSON number is kept as the very characters that were sent, in quotes inside a list or an object."""

    def check(number: str) -> None:
        row = landed(f'{{"TotalCost": {number}, "Detail": [{{"Cost": {number}}}]}}', ("TotalCost", "Detail"))
        assert row["TotalCost"] == [number]
        assert row["Detail"] == [f'[{{"Cost":"{number}"}}]']

    check_all(check, NUMBERS)


def test_null_and_absent_are_null_but_empty_text_is_not() -> None:
    """A null and an absent field are null; an empty text stays an empty text."""
    assert landed('{"A": null, "C": ""}', ("A", "B", "C")) == {"A": [None], "B": [None], "C": [""], EXTRA: [None]}


def test_booleans_and_nested_values_become_json_text() -> None:
    """A bool, a list and an object are kept as JSON text beside plain texts of the same column."""
    rows = [decode(text) for text in ('{"A": true}', '{"A": false}', '{"A": ["x", null]}', '{"A": {}}', '{"A": "t"}')]
    assert text_rows(rows, ("A",)).column("A").to_pylist() == ["true", "false", '["x",null]', "{}", "t"]


def test_unknown_fields_go_to_extra() -> None:
    """Fields that the catalogue does not know are kept as one JSON object, and only where there are any."""
    rows = [decode('{"A": "1", "New": 1.50, "Tags": [{"K": "ä"}]}'), decode('{"A": "2"}')]
    extra = text_rows(rows, ("A",)).column(EXTRA).to_pylist()
    assert extra == ['{"New":"1.50","Tags":[{"K":"ä"}]}', None]


def test_half_a_surrogate_pair_stays_the_escape_that_was_sent() -> None:
    """A name cut through an emoji does not fail its page, in a field or nested; whole emojis stay what they are."""
    row = landed(r'{"A": "x\ud83d", "B": ["\ud83d"], "C": "\ud83d\ude00", "D": "\udc00"}', ("A", "B", "C"))
    assert row == {"A": [r"x\ud83d"], "B": [r'["\ud83d"]'], "C": ["😀"], EXTRA: [r'{"D":"\udc00"}']}


def test_chinese_text_quotes_and_newlines_are_kept() -> None:
    """Text is kept character by character, nested too."""
    awkward = '云服务器, "CVM"\n\t\\ \x00'
    row = landed(json.dumps({"A": awkward, "B": [awkward]}), ("A", "B"))
    assert row["A"] == [awkward]
    assert json.loads(row["B"][0]) == [awkward]


def test_no_rows_still_have_columns() -> None:
    """An empty page has all columns and no rows."""
    batch = text_rows([], ("A", "B"))
    assert (batch.num_rows, batch.schema.names) == (0, ["A", "B", EXTRA])


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=20),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
)


def spelled(value: object) -> str:
    """Spell a value as JSON."""
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


@given(st.lists(SCALARS, min_size=1, max_size=20))
def test_any_scalars_text_comes_back(values: Any) -> None:
    """Whatever scalars a column holds, each comes back as the text that was sent; null alone is null."""
    rows = [decode(f'{{"A": {spelled(value)}}}') for value in values]
    expected = [value if value is None or isinstance(value, str) else spelled(value) for value in values]
    assert text_rows(rows, ("A",)).column("A").to_pylist() == expected


@given(st.lists(st.dictionaries(st.sampled_from("ABXY"), SCALARS), max_size=10))
def test_equal_rows_have_equal_digests(rows: Any) -> None:
    """A page asked twice has the same digest if, and only if, its rows are the same in the same order."""
    texts = ["{" + ",".join(f'"{name}": {spelled(value)}' for name, value in row.items()) + "}" for row in rows]

    def digest(some: list[str], fetched: int) -> str:
        batch = text_rows([decode(text) for text in some], ("A", "B"))
        return Page("1", 1, f"request {fetched}", datetime.fromtimestamp(fetched, UTC), batch).digest

    assert digest(texts, 1) == digest(texts, 2)
    assert digest([*texts, '{"A": "one more"}'], 1) != digest(texts, 1)
    assert digest(['{"A": "p"}', '{"A": "q"}', *texts], 1) != digest(['{"A": "q"}', '{"A": "p"}', *texts], 1)


def test_what_spells_no_amount_counts_as_zero() -> None:
    """Text that is no amount adds nothing and breaks nothing; staging's checks find it."""

    def check(text: str | None) -> None:
        assert parse_amount(text) == 0
        assert exact_sum([Decimal("1.5"), parse_amount(text)]) == Decimal("1.5")

    texts = [None, "", "-", "abc", "NaN", "sNaN", "Infinity", "-inf", "1e999999", "1e-999999", "1,5"]
    check_all(check, texts)


def test_an_absurdly_long_number_cannot_make_a_sum_inexact() -> None:
    """A number of hundreds of digits is no amount, so sums never round, in whatever order they are done."""
    assert parse_amount("0." + "3" * 500) == 0
    assert parse_amount("3" * 500) == 0


def test_an_amount_is_exact() -> None:
    """An amount is the decimal that the text spells, digit for digit."""
    texts = ["0.10", "-0", "1E5", "1234567890123.12345678", "1e-18", "9" * 38]
    assert [text for text in texts if str(parse_amount(text)) != str(Decimal(text))] == []


def test_a_sum_is_exact_beyond_28_digits() -> None:
    """Sums keep digits that Python's default context, and every float, would round away."""
    large = ["98765432109876543210987654321.00000001", "0.00000001", "-98765432109876543210987654321"]
    assert exact_sum(map(parse_amount, large)) == Decimal("0.00000002")
    assert str(exact_sum([Decimal("1e30"), Decimal("1e-18")])) == "1000000000000000000000000000000.000000000000000001"


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False).map(str), max_size=30), st.randoms())
def test_a_sum_does_not_depend_on_the_order(texts: list[str], order: random.Random) -> None:
    """Amounts that come in another order have the same sum."""
    shuffled = list(texts)
    order.shuffle(shuffled)
    assert exact_sum(map(parse_amount, shuffled)) == exact_sum(map(parse_amount, texts))


def test_a_sum_of_nothing_is_zero() -> None:
    """No amounts sum to zero."""
    assert exact_sum([]) == 0
    assert exact_sum_of_texts([]) == 0


AMOUNTS = st.decimals(allow_nan=True, allow_infinity=True).map(str)
STRANGE = st.sampled_from([None, "", "-", "1e70", "-1e70", "1e-70", "1e61", "-1.000000001e61", "0E-99", "9" * 61, "x"])


@settings(max_examples=100)
@given(st.lists(AMOUNTS | STRANGE | st.decimals(-(10**6), 10**6, places=8).map(str), max_size=12))
def test_the_quick_total_is_the_sum_of_each_amount(texts: list[str | None]) -> None:
    """Whatever texts come together, adding them at once gives what adding each amount gives, to the last digit."""
    assert exact_sum_of_texts(texts) == exact_sum(map(parse_amount, texts))
