"""Masks for what tells of a person: macros that staging puts around e-mail addresses, phone numbers and free texts.

A mask is made with the home's secret, so that the same value has the same mask in every table and release of a home,
and nobody can find a value by masking all that there may be. Where the secret is kept is `publish`'s business. Names
stay: analysts need them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DIGITS = 12
"""Digits of a mask: of a million values hardly any two have the same."""

_PART = r"""[^\s@<>()\[\]{}"'',;:|/\\]+"""
"""Of an e-mail address, as a pattern in SQL: what no bracket, quote or comma ends."""

# In a text, a whole number of 12 digits is an account's (UIN) and stays, and so does a day; any other that is as long
# as a phone number is taken for one. Each macro gives the value as it is where there is no secret.
_MACROS = rf"""
create or replace temp macro mask_of(value) as
    left(sha256(getvariable('mask_secret') || value), {_DIGITS});

create or replace temp macro mask_email(value) as
    if(getvariable('mask_secret') is null, value, left(lower(value), 1) || '***@***~' || mask_of(lower(value)));

create or replace temp macro digits_of(value) as regexp_replace(value, '[^0-9]', '', 'g');

create or replace temp macro mask_phone(value) as
    if(
        getvariable('mask_secret') is null,
        value,
        '***' || right(digits_of(value), 2) || '~' || mask_of(digits_of(value))
    );

create or replace temp macro mask_found(value) as
    case
        when contains(value, '@') then mask_email(value)
        when regexp_full_match(value, '[0-9]{{12}}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') then value
        else mask_phone(value)
    end;

create or replace temp macro mask_matches(value, pattern) as
    array_to_string(
        list_transform(
            list_zip(string_split_regex(value, pattern), regexp_extract_all(value, pattern)),
            lambda part: concat(part[1], mask_found(part[2]))
        ),
        ''
    );

create or replace temp macro email_pattern() as '{_PART}@{_PART}[.][[:alnum:]-]+';

create or replace temp macro phone_pattern() as '[+]?[(]?[0-9][0-9 ().-]{{5,}}[0-9]';

create or replace temp macro mask_emails(value) as
    if(
        getvariable('mask_secret') is null or not coalesce(contains(value, '@'), false),
        value,
        mask_matches(value, email_pattern())
    );

create or replace temp macro mask_texts(value) as
    if(
        getvariable('mask_secret') is null or value is null,
        value,
        mask_matches(value, email_pattern() || '|' || phone_pattern())
    );
"""


def define(connection: DuckDBPyConnection, secret: str | None) -> None:
    """Define the macros for all databases of a connection; without a secret they change nothing.

    `mask_email` and `mask_phone` are for values that are one, `mask_texts` for what people write, and `mask_emails` for
    names of things, in which numbers are no phone numbers.
    """
    connection.execute("set variable mask_secret = $secret::varchar", {"secret": secret})
    connection.execute("set variable mask_id = $mask_id::varchar", {"mask_id": mask_id(secret)})
    connection.execute(_MACROS)


def mask_id(secret: str | None) -> str | None:
    """Tell by which masks a release was made: the same for the same secret and macros, None where nothing is masked.

    It tells nothing of the secret.
    """
    return hashlib.sha256(f"{secret}{_MACROS}".encode()).hexdigest()[:_DIGITS] if secret else None
