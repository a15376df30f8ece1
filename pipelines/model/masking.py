"""Masks for personal data: SQL macros that staging applies to e-mail addresses, phone numbers and free texts.

A mask is made with the home's secret. So a value has the same mask in every table and release of a home, and nobody can
find a value by masking all possible ones. `publish.release` keeps the secret. Names stay readable: analysts need them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DIGITS = 12
"""Digits of a mask; of a million values hardly any two have the same."""

_AT = r"@\x{FF20}\x{FE6B}"
"""The at signs, for a character class: ASCII's, the full-width and the small one."""

_PART = (
    rf"""[^{_AT}\s\p{{Z}}<>()\[\]{{}}"'',;:|/\\"""
    r"\p{Ps}\p{Pe}\p{Pi}\p{Pf}\x{3001}\x{3002}\x{FF01}\x{FF0C}\x{FF1A}\x{FF1B}\x{FF1F}\x{FF5C}]+"
)
"""SQL pattern of a part of an e-mail address: no spaces, brackets, quotes or commas, Chinese ones included."""

_LETTER = r"[\p{L}\p{M}\p{N}_]"

_APOSTROPHE = r"[\x{27}\x{2019}\x{FF07}]"
"""ASCII's apostrophe, the typographic and the full-width one. Inside a word it is part of an address, else a quote."""

_LOCAL = (
    rf"(?:(?:{_PART})?{_LETTER}{_APOSTROPHE}(?:{_LETTER}(?:(?:{_PART})?{_LETTER})?{_APOSTROPHE})*"
    rf"{_LETTER}(?:{_PART})?|{_PART})"
)

# The last label is ASCII only, so that words that follow without a space, as in Chinese, are not part of it; or it is
# in any script.
_EMAIL = rf"{_LOCAL}[{_AT}]{_PART}[.\x{{FF0E}}](?:[[:alnum:]-]+|[\p{{L}}\p{{M}}\p{{N}}-]+)"

_KNOWN = r"(?:[0-9]{12}|(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)"
"""An account's number (UIN), a day or a month."""

_NOT_PHONE = f"{_KNOWN}(?:-{_KNOWN})*"

_APART = r"[.\x{FF0E}]?[\p{Zs}()\x{FF08}\x{FF09}]"
"""Separates a UIN, day or month from a number after it. With a dash or nothing between them, both are one number."""

_PHONE = r"[+\x{FF0B}]?[(\x{FF08}]?\p{Nd}[\p{Nd}\p{Zs}\p{Cf}\p{Pd}().\x{FF08}\x{FF09}\x{FF0E}]{5,}\p{Nd}"

# Full-width characters, and invisible ones that are copied along with a number, do not make a value different.
_WIDE = "".join(map(chr, range(0xFF01, 0xFF5F))) + "\N{SMALL COMMERCIAL AT}\N{RIGHT SINGLE QUOTATION MARK}"
_NARROW = ("".join(map(chr, range(0x21, 0x7F))) + "@'").replace("'", "''")

# In a text, a number of 12 digits is a UIN and stays, and so do days and months; any other number as long as a phone
# number is masked. The pattern looks for UINs, days and months first, so that they are not taken for a phone number
# together with the text after them; with a number right before them they are. Without a secret nothing changes.
_MACROS = rf"""
create or replace temp macro is_ascii(value) as strlen(value) = length(value);

create or replace temp macro narrowed(value) as
    if(
        is_ascii(value),
        value,
        translate(regexp_replace(value, '\p{{Cf}}', '', 'g'), '{_WIDE}', '{_NARROW}')
    );

create or replace temp macro mask_of(value) as
    left(sha256(getvariable('mask_secret') || value), {_DIGITS});

create or replace temp macro mask_address(value) as left(value, 1) || '***@***~' || mask_of(value);

create or replace temp macro mask_email(value) as
    if(getvariable('mask_secret') is null, value, mask_address(lower(narrowed(value))));

create or replace temp macro digits_of(value) as regexp_replace(narrowed(value), '\P{{Nd}}', '', 'g');

create or replace temp macro mask_phone(value) as
    if(
        getvariable('mask_secret') is null,
        value,
        '***' || right(digits_of(value), 2) || '~' || mask_of(digits_of(value))
    );

create or replace temp macro mask_found(value) as
    case
        when contains(narrowed(value), '@') then mask_email(value)
        when regexp_full_match(narrowed(value), '[(]?{_NOT_PHONE}(?:{_APART})?') then value
        else mask_phone(value)
    end;

create or replace temp macro mask_matches(value, pattern) as
    if(
        getvariable('mask_secret') is null or not coalesce(regexp_matches(value, pattern), false),
        value,
        array_to_string(
            list_transform(
                list_zip(string_split_regex(value, pattern), regexp_extract_all(value, pattern)),
                lambda part: concat(part[1], mask_found(part[2]))
            ),
            ''
        )
    );

-- Of very many names hardly any has an at sign: to look for one is quicker than the pattern.
create or replace temp macro mask_emails(value) as
    if(contains(value, '@') or not is_ascii(value), mask_matches(value, '{_EMAIL}'), value);

create or replace temp macro mask_texts(value) as
    mask_matches(value, '{_EMAIL}|[(\x{{FF08}}]?{_NOT_PHONE}{_APART}|{_PHONE}');
"""


def define(connection: DuckDBPyConnection, secret: str | None) -> None:
    """Define the macros on a connection; without a secret they change nothing.

    `mask_email` and `mask_phone` are for columns of addresses and numbers, `mask_texts` for texts that people write,
    and `mask_emails` for names of things, in which numbers are not phone numbers.
    """
    connection.execute("set variable mask_secret = $secret::varchar", {"secret": secret})
    connection.execute("set variable mask_id = $mask_id::varchar", {"mask_id": mask_id(secret)})
    connection.execute(_MACROS)


def mask_id(secret: str | None) -> str | None:
    """Return an id of the masks: the same for the same secret and macros, None without a secret.

    It does not reveal the secret.
    """
    return hashlib.sha256(f"{secret}{_MACROS}".encode()).hexdigest()[:_DIGITS] if secret else None
