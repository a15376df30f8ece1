"""Masks: what they show, that equal values have equal ones, and that nothing is changed without a secret."""

# ruff: noqa: RUF001  full-width letters and digits are what is tested

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.model import masking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ADDRESS, MASK = "ann@example.com", "a***@***~277d4c00bc43"
NUMBER, NUMBER_MASK = "65-81234567", "***67~1ce12f47d5bd"


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection with masks."""
    with duckdb.connect(config={"threads": "1"}) as connection:
        masking.define(connection, "secret")
        yield connection


def masked(
    connection: duckdb.DuckDBPyConnection, function: str, texts: Iterable[str | None]
) -> dict[str | None, str | None]:
    """Mask texts, all in one query: most of the time of one goes into planning it."""
    query = f"select text, {function}(text) from (select unnest($texts::varchar[]) as text)"
    return dict(connection.execute(query, {"texts": list(texts)}).fetchall())


def unlike(
    connection: duckdb.DuckDBPyConnection, function: str, expected: dict[str, str | None]
) -> dict[str, str | None]:
    """Return the texts of which the mask is not the expected one, with what it is."""
    found = masked(connection, function, expected)
    return {text: found[text] for text, mask in expected.items() if found[text] != mask}


def test_a_mask_shows_no_more_than_its_kind_and_an_end(connection: duckdb.DuckDBPyConnection) -> None:
    """Of an address the first letter, of a number the last two digits, and twelve digits that the secret made."""
    assert masked(connection, "mask_email", ["Ann@example.com"]) == {"Ann@example.com": MASK}
    assert masked(connection, "mask_phone", ["+65 8123-4567"]) == {"+65 8123-4567": NUMBER_MASK}


def test_equal_values_have_equal_masks(connection: duckdb.DuckDBPyConnection) -> None:
    """Spelled in other letters, wider ones or with other signs, it is the same address or number; another is not."""
    equal = {
        "mask_email": [
            ("Ann@example.com", "ann@EXAMPLE.com"),
            ("a＠b.com", "a@b.com"),
            ("José@Пример.рф", "josé@пример.рф"),
        ],
        "mask_phone": [
            ("+65 8123-4567", "65-81234567"),
            ("１３８００１３８０００", "13800138000"),
            ("138\u00a00013\u00a08000", "(138) 0013-8000"),
            ("\u202d138\u20110013\u20118000\u202c", "138 0013 8000"),
        ],
    }
    for function, pairs in equal.items():
        texts = [text for pair in pairs for text in pair]
        masks = masked(connection, function, [*texts, *(f"1{text}" for text in texts)])
        assert [(one, other) for one, other in pairs if masks[one] != masks[other]] == []
        assert [text for text in texts if masks[text] == masks[f"1{text}"]] == []
        inside = masked(connection, "mask_texts", texts)
        assert [text for text in texts if str(inside[text]).strip("\u202d\u202c") != masks[text]] == []


def test_what_people_write_is_masked_inside(connection: duckdb.DuckDBPyConnection) -> None:
    """Addresses and numbers go, all else stays: an account's number and a day are no phone numbers."""
    expected = {
        f"call {ADDRESS}, or {NUMBER}.": f"call {MASK}, or {NUMBER_MASK}.",
        "<Ann@example.com>;+65 8123 4567": f"<{MASK}>;{NUMBER_MASK}",
        f"邮箱：{ADDRESS}，谢谢": f"邮箱：{MASK}，谢谢",
        f"“{ADDRESS}”请回复": f"“{MASK}”请回复",
        f"{ADDRESS}请回复。": f"{MASK}请回复。",
    }
    stays = [
        *("of 200171585133, since 2026-10-01, no. 394", "of ２００１７１５８５１３３, since ２０２６－１０－０１"),
        *("@home", ""),
        # Neither a time nor an amount, nor another of them, makes a phone number of an account, a day or a month.
        *("2026-10-31 14:00", "2026-10-31T14:00:00"),
        *("2026-10-01 - 2026-10-31", "(2026-10-31) (2026-10)", "2026-10", "2026-10 - 2026-12"),
        "2026-10-01-2026-10-31 2026-10-31",
        *("Paid by 200000000001 2026-10-31", "Paid by 200000000001 200000000002"),
        *("200000000001 - 100 USD", "200000000001 (2 vouchers)"),
        "(200000000001) （200000000001） 账号200000000001于2026-10-31",
        "bill_2026-10-31 bill_2026-10 uin200000000001",
    ]
    assert unlike(connection, "mask_texts", expected | {text: text for text in stays}) == {}


def test_phone_numbers_are_masked_among_accounts_and_days(connection: duckdb.DuckDBPyConnection) -> None:
    """A number is one whole, though a part of it looks like a month, and what stands before it stays."""
    phones = [
        *("138 0013 8000", "13800138000", "+86 138-0013-8000", "+200000000001", "(021) 5555 1234"),
        *("0755-86-01-33-88", "0755-12-31", "8613800138000", "2026-1031", "2026-13-01", "2012-12-345678"),
        *("2026-10-051", "1999-12-31-5551234", "200000000001-5551234", "2026-10-3113800138000"),
        *("１３８００１３８０００", "＋８６　１３８－００１３－８０００"),
    ]
    around = [
        *("{}", "2026-10-31 {}", "200000000001 {}", "2026-10-31. {}; 200000000001"),
        *("2026-10: {}, 200000000001", "电话{}。"),
    ]
    masks = masked(connection, "mask_phone", phones)
    expected = {text.format(phone): text.format(masks[phone]) for text in around for phone in phones}
    assert unlike(connection, "mask_texts", expected) == {}


def test_an_address_is_one_in_any_script(connection: duckdb.DuckDBPyConnection) -> None:
    """Letters, at signs and dots of other scripts make addresses as ASCII's do, among other words too."""
    addresses = ["用户@例子.公司", "josé@пример.рф", "jose\u0301@пример.рф", "a＠b.com", "ａ＠ｂ．ｃｏｍ"]
    masks = masked(connection, "mask_email", addresses)
    expected = {f"vm <{address}>, 上海": f"vm <{masks[address]}>, 上海" for address in addresses}
    for function in ("mask_texts", "mask_emails"):
        assert unlike(connection, function, expected) == {}


def test_an_apostrophe_within_a_name_is_of_the_address(connection: duckdb.DuckDBPyConnection) -> None:
    """The name is not left readable, and the mask joins with that of the whole address, whichever apostrophe it has."""
    alike = [
        "mary.o'connor@corp.com",
        "Mary.O\N{RIGHT SINGLE QUOTATION MARK}Connor@corp.com",
        "mary.o＇connor@corp.com",
    ]
    several = ["o'n'eil@corp.com", "d'arcy-o'neil.x@corp.com", "a'b'c'd@corp.com"]
    masks = masked(connection, "mask_email", [*alike, *several])
    assert len({masks[address] for address in alike}) == 1
    expected = {f"of <{address}>, 'x'": f"of <{mask}>, 'x'" for address, mask in masks.items()}
    for function in ("mask_texts", "mask_emails"):
        assert unlike(connection, function, expected) == {}


def test_an_address_is_found_behind_a_phone_number(connection: duckdb.DuckDBPyConnection) -> None:
    """Many an address begins with digits; a phone number before it takes none of them."""
    address = "12345678@example.com"
    mask = masked(connection, "mask_email", [address])[address]
    expected = {f"{NUMBER} {address}": f"{NUMBER_MASK} {mask}", f"2026-10-31 {address}": f"2026-10-31 {mask}"}
    assert unlike(connection, "mask_texts", expected) == {}


def test_the_time_for_a_text_grows_with_its_length(connection: duckdb.DuckDBPyConnection) -> None:
    """A pattern that looked back for each character would take minutes."""
    texts = [part * 100_000 + "@" for part in ("a", "a.", "o'", "1 ", "@a")]
    assert unlike(connection, "mask_emails", {text: text for text in texts}) == {}
    assert unlike(connection, "mask_texts", {text: text for text in texts if "1" not in text}) == {}
    assert masked(connection, "mask_texts", ["1 " * 100_000]) != {}


def test_a_quote_around_an_address_is_none_of_it(connection: duckdb.DuckDBPyConnection) -> None:
    """Only an apostrophe between letters is; quoted or not, the same address has the same mask."""
    quoted = ["'{}'", "owner='{}'", "{{'owner': '{}'}}", "don't tell '{}'", "\u2018{}\u2019", "＇{}＇", "＂{}＂"]
    expected = {text.format(ADDRESS): text.format(MASK) for text in quoted}
    assert unlike(connection, "mask_texts", expected) == {}


def test_numbers_in_names_of_things_stay(connection: duckdb.DuckDBPyConnection) -> None:
    """A resource may be named after anything; only an address is taken for one."""
    expected = {
        f"vm-81234567 of {ADDRESS}": f"vm-81234567 of {MASK}",
        f'[{{"k":"owner","v":"{ADDRESS}"}}]': f'[{{"k":"owner","v":"{MASK}"}}]',
    }
    assert unlike(connection, "mask_emails", expected) == {}


def test_nothing_has_no_mask_and_without_a_secret_nothing_is_masked(connection: duckdb.DuckDBPyConnection) -> None:
    """Plain is plain, and what is nothing stays nothing, whether there is a secret or not."""
    functions = ("mask_email", "mask_phone", "mask_texts", "mask_emails")
    texts = ("Ann@example.com", "+65 8123-4567", f"call {ADDRESS}, or {NUMBER}", "", None)
    assert [function for function in functions if masked(connection, function, [None]) != {None: None}] == []
    with duckdb.connect(config={"threads": "1"}) as plain:
        masking.define(plain, None)
        assert [
            function for function in functions if masked(plain, function, texts) != {text: text for text in texts}
        ] == []


def test_masks_are_named_by_their_secret() -> None:
    """Two releases whose masks have one name can be compared; without masks there is no name."""
    assert masking.mask_id("secret") == masking.mask_id("secret") != masking.mask_id("other")
    assert masking.mask_id(None) is None
