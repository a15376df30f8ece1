"""Masks: what they show, that equal values have equal ones, and that nothing is changed without a secret."""

# ruff: noqa: RUF001  full-width letters and digits are what is tested

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.model import masking

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = ("Ann@example.com", "+65 8123-4567", "call ann@example.com, or 65-81234567", "", None)
MACROS = ("mask_email", "mask_phone", "mask_texts", "mask_emails")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection with masks."""
    with duckdb.connect() as connection:
        masking.define(connection, "secret")
        yield connection


def masked(connection: duckdb.DuckDBPyConnection, macro: str, text: str | None) -> str | None:
    """Mask a text."""
    [(mask,)] = connection.execute(f"select {macro}($text::varchar)", {"text": text}).fetchall()
    assert mask is None or isinstance(mask, str)
    return mask


def test_a_mask_shows_no_more_than_its_kind_and_an_end(connection: duckdb.DuckDBPyConnection) -> None:
    """Of an address the first letter, of a number the last two digits, and twelve digits that the secret made."""
    assert masked(connection, "mask_email", "Ann@example.com") == "a***@***~277d4c00bc43"
    assert masked(connection, "mask_phone", "+65 8123-4567") == "***67~1ce12f47d5bd"


@pytest.mark.parametrize(
    ("macro", "one", "other"),
    [
        ("mask_email", "Ann@example.com", "ann@EXAMPLE.com"),
        ("mask_email", "a＠b.com", "a@b.com"),
        ("mask_email", "José@Пример.рф", "josé@пример.рф"),
        ("mask_phone", "+65 8123-4567", "65-81234567"),
        ("mask_phone", "１３８００１３８０００", "13800138000"),
        ("mask_phone", "138\u00a00013\u00a08000", "(138) 0013-8000"),
        ("mask_phone", "\u202d138\u20110013\u20118000\u202c", "138 0013 8000"),
    ],
)
def test_equal_values_have_equal_masks(connection: duckdb.DuckDBPyConnection, macro: str, one: str, other: str) -> None:
    """Spelled in other letters, wider ones or with other signs, it is the same address or number; another is not."""
    assert masked(connection, macro, one) == masked(connection, macro, other) != masked(connection, macro, f"1{one}")
    for text in (one, other):
        assert str(masked(connection, "mask_texts", text)).strip("\u202d\u202c") == masked(connection, macro, one)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call ann@example.com, or 65-81234567.", "call a***@***~277d4c00bc43, or ***67~1ce12f47d5bd."),
        ("<Ann@example.com>;+65 8123 4567", "<a***@***~277d4c00bc43>;***67~1ce12f47d5bd"),
        ("of 200171585133, since 2026-10-01, no. 394", "of 200171585133, since 2026-10-01, no. 394"),
        (
            "of ２００１７１５８５１３３, since ２０２６－１０－０１",
            "of ２００１７１５８５１３３, since ２０２６－１０－０１",
        ),
        ("邮箱：ann@example.com，谢谢", "邮箱：a***@***~277d4c00bc43，谢谢"),
        ("“ann@example.com”请回复", "“a***@***~277d4c00bc43”请回复"),
        ("ann@example.com请回复。", "a***@***~277d4c00bc43请回复。"),
        ("@home", "@home"),
        ("", ""),
        (None, None),
    ],
)
def test_what_people_write_is_masked_inside(
    connection: duckdb.DuckDBPyConnection, text: str | None, expected: str | None
) -> None:
    """Addresses and numbers go, all else stays: an account's number and a day are no phone numbers."""
    assert masked(connection, "mask_texts", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-31 14:00",
        "2026-10-31T14:00:00",
        "2026-10-01 - 2026-10-31",
        "(2026-10-31) (2026-10)",
        "Paid by 200000000001 2026-10-31",
        "Paid by 200000000001 200000000002",
        "200000000001 - 100 USD",
        "200000000001 (2 vouchers)",
        "(200000000001) （200000000001） 账号200000000001于2026-10-31",
        "2026-10",
        "2026-10 - 2026-12",
        "2026-10-01-2026-10-31 2026-10-31",
        "bill_2026-10-31 bill_2026-10 uin200000000001",
    ],
)
def test_accounts_days_and_months_stay_whatever_is_behind_them(
    connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    """A time, an amount or another of them makes no phone number of them."""
    assert masked(connection, "mask_texts", text) == text


@pytest.mark.parametrize(
    "phone",
    [
        "138 0013 8000",
        "13800138000",
        "+86 138-0013-8000",
        "+200000000001",
        "(021) 5555 1234",
        "0755-86-01-33-88",
        "0755-12-31",
        "8613800138000",
        "2026-1031",
        "2026-13-01",
        "2012-12-345678",
        "2026-10-051",
        "1999-12-31-5551234",
        "200000000001-5551234",
        "2026-10-3113800138000",
        "１３８００１３８０００",
        "＋８６　１３８－００１３－８０００",
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "2026-10-31 {}",
        "200000000001 {}",
        "2026-10-31. {}; 200000000001",
        "2026-10: {}, 200000000001",
        "电话{}。",
    ],
)
def test_phone_numbers_are_masked_among_accounts_and_days(
    connection: duckdb.DuckDBPyConnection, around: str, phone: str
) -> None:
    """A number is one whole, though a part of it looks like a month, and what stands before it stays."""
    mask = masked(connection, "mask_phone", phone)
    assert masked(connection, "mask_texts", around.format(phone)) == around.format(mask)


@pytest.mark.parametrize("macro", ["mask_texts", "mask_emails"])
@pytest.mark.parametrize(
    "address", ["用户@例子.公司", "josé@пример.рф", "jose\u0301@пример.рф", "a＠b.com", "ａ＠ｂ．ｃｏｍ"]
)
def test_an_address_is_one_in_any_script(connection: duckdb.DuckDBPyConnection, macro: str, address: str) -> None:
    """Letters, at signs and dots of other scripts make addresses as ASCII's do, among other words too."""
    mask = masked(connection, "mask_email", address)
    assert masked(connection, macro, f"vm <{address}>, 上海") == f"vm <{mask}>, 上海"


@pytest.mark.parametrize("macro", ["mask_texts", "mask_emails"])
@pytest.mark.parametrize(
    "address",
    [
        "mary.o'connor@corp.com",
        "Mary.O\N{RIGHT SINGLE QUOTATION MARK}Connor@corp.com",
        "mary.o＇connor@corp.com",
    ],
)
def test_an_apostrophe_within_a_name_is_of_the_address(
    connection: duckdb.DuckDBPyConnection, macro: str, address: str
) -> None:
    """The name is not left readable, and the mask joins with that of the whole address, whichever apostrophe it has."""
    mask = masked(connection, "mask_email", "mary.o'connor@corp.com")
    assert masked(connection, "mask_email", address) == mask
    assert masked(connection, macro, f"of <{address}>, 'x'") == f"of <{mask}>, 'x'"


def test_every_apostrophe_of_a_name_is_of_the_address(connection: duckdb.DuckDBPyConnection) -> None:
    """There may be several, with one letter between them or more."""
    for address in ("o'n'eil@corp.com", "d'arcy-o'neil.x@corp.com", "a'b'c'd@corp.com"):
        assert masked(connection, "mask_texts", f"of {address}.") == f"of {masked(connection, 'mask_email', address)}."


@pytest.mark.parametrize("quoted", ["'{}'", "owner='{}'", "{{'owner': '{}'}}", "don't tell '{}'", "\u2018{}\u2019"])
def test_a_quote_around_an_address_is_none_of_it(connection: duckdb.DuckDBPyConnection, quoted: str) -> None:
    """Only an apostrophe between letters is; quoted or not, the same address has the same mask."""
    mask = masked(connection, "mask_email", "ann@example.com")
    assert masked(connection, "mask_texts", quoted.format("ann@example.com")) == quoted.format(mask)


def test_numbers_in_names_of_things_stay(connection: duckdb.DuckDBPyConnection) -> None:
    """A resource may be named after anything; only an address is taken for one."""
    assert masked(connection, "mask_emails", "vm-81234567 of ann@example.com") == "vm-81234567 of a***@***~277d4c00bc43"
    assert masked(connection, "mask_emails", '[{"k":"owner","v":"ann@example.com"}]') == (
        '[{"k":"owner","v":"a***@***~277d4c00bc43"}]'
    )


@pytest.mark.parametrize("macro", MACROS)
def test_without_a_secret_nothing_is_masked(connection: duckdb.DuckDBPyConnection, macro: str) -> None:
    """Plain is plain, and what is nothing stays nothing."""
    masking.define(connection, None)
    assert [masked(connection, macro, text) for text in TEXTS] == list(TEXTS)


def test_masks_are_named_by_their_secret() -> None:
    """Two releases whose masks have one name can be compared; without masks there is no name."""
    assert masking.mask_id("secret") == masking.mask_id("secret") != masking.mask_id("other")
    assert masking.mask_id(None) is None
