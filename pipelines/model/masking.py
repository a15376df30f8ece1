"""Masks for personal data: SQL functions that staging applies to e-mail addresses, phone numbers and free texts.

A mask is made with the home's secret. So a value has the same mask in every table and release of a home, and nobody can
find a value by masking all possible ones. `publish.release` keeps the secret. Names stay readable: analysts need them.

The functions are Python. In SQL their patterns took most of the time of a small build: DuckDB compiles a pattern for
each column of each query that has it (measured).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from duckdb import DuckDBPyConnection

_DIGITS = 12
"""Digits of a mask; of a million values hardly any two have the same."""

_REMEMBERED = 50_000
"""Values whose masks are remembered: lists repeat their customers each day, and bills their resources."""

_SHORT = 100
"""Characters of the longest values whose masks are remembered."""

_NARROW = {0xFF00 + offset: 0x20 + offset for offset in range(1, 0x5F)} | {
    ord("\N{SMALL COMMERCIAL AT}"): ord("@"),
    ord("\N{RIGHT SINGLE QUOTATION MARK}"): ord("'"),
}
"""The ASCII characters of full-width ones, of the small at sign and of the typographic apostrophe."""

_STAND_INS = {
    **dict.fromkeys(("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nl", "No"), "\u00e9"),
    **dict.fromkeys(("Ps", "Pe", "Pi", "Pf"), '"'),
    **dict.fromkeys(("Zl", "Zp"), "\n"),
    "Nd": "\N{ARABIC-INDIC DIGIT ZERO}",
    "Pd": "\N{EN DASH}",
    "Zs": " ",
    "Cf": "\N{ZERO WIDTH SPACE}",
}
"""A character for each category of Unicode that the patterns tell apart."""


class _Kinds(dict[int, int | str]):
    """For `str.translate`: replaces each character by one that the patterns name, and that stands for its kind.

    So the patterns need no long classes, and positions stay as they are. ASCII stays.
    """

    def __missing__(self, code: int) -> int | str:
        character = chr(code)
        if character.isascii():
            self[code] = code
        elif character.isalnum() or code not in _NARROW:
            self[code] = _STAND_INS.get(unicodedata.category(character), "!")
        else:
            self[code] = _NARROW[code]
        return self[code]


_KINDS = _Kinds(dict.fromkeys(map(ord, "\u3001\u3002\uff01\uff1f"), ","))  # Chinese commas and stops

_PART = r"""[^@\t\n\f\r <>()\[\]{}"',;:|/\\]"""
"""A character of an e-mail address: no space, bracket, quote or comma."""

# An apostrophe between letters is part of an address; any other is a quote. The last label is ASCII only, so that words
# that follow without a space, as in Chinese, are not part of it; or it is in any script. What is no address is taken
# as a whole too, so that the time does not grow with the square of a text's length.
_ADDRESS = re.compile(rf"{_PART}(?:{_PART}|(?<=\w)'(?=\w))*+(?P<found>@{_PART}+[.](?:[A-Za-z0-9-]+|(?:[^\W_]|-)+))?")

_KNOWN = r"(?:[0-9]{12}|(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)"
"""An account's number (UIN), a day or a month."""

_NOT_PHONE = rf"\(?{_KNOWN}(?:-{_KNOWN})*"

_APART = r"[.]?[ ()]"
"""Separates a UIN, day or month from a number after it. With a dash or nothing between them, both are one number."""

# UINs, days and months are looked for first, so that they are not taken for a phone number together with the text after
# them; with a number right before them they are.
_NUMBER = re.compile(rf"{_NOT_PHONE}{_APART}|(?P<found>\+?\(?\d[\d\u200b\u2013 ().-]{{5,}}\d)")
_NO_PHONE = re.compile(rf"{_NOT_PHONE}(?:{_APART})?")


def _narrow(value: str) -> str:
    """Return a value as it is compared: without the invisible characters that are copied along with a number."""
    if value.isascii():
        return value
    return "".join(each for each in value if unicodedata.category(each) != "Cf").translate(_NARROW)


def _pieces(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, bool]]:
    """Return a text in pieces, each with whether it is one that the pattern finds."""
    end = 0
    for match in pattern.finditer(text if text.isascii() else text.translate(_KINDS)):
        if match["found"] is not None:
            yield text[end : match.start()], False
            yield text[match.start() : match.end()], True
            end = match.end()
    yield text[end:], False


class _Masks:
    """The masks of a secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def _of(self, value: str) -> str:
        return hashlib.sha256(f"{self._secret}{value}".encode()).hexdigest()[:_DIGITS]

    def email(self, value: str) -> str:
        """Mask an e-mail address."""
        address = _narrow(value).lower()
        return f"{address[:1]}***@***~{self._of(address)}"

    def phone(self, value: str) -> str:
        """Mask a phone number."""
        digits = "".join(each for each in _narrow(value) if each.isdecimal())
        return f"***{digits[-2:]}~{self._of(digits)}"

    def emails(self, text: str) -> str:
        """Mask the e-mail addresses in a text."""
        return "".join(self.email(piece) if found else piece for piece, found in _pieces(_ADDRESS, text))

    def texts(self, text: str) -> str:
        """Mask the e-mail addresses in a text, and what else is a number as long as a phone number.

        A number of 12 digits is a UIN and stays, and so do days and months.
        """
        return "".join(self.email(piece) if found else self._numbers(piece) for piece, found in _pieces(_ADDRESS, text))

    def _numbers(self, text: str) -> str:
        return "".join(self._number(piece) if found else piece for piece, found in _pieces(_NUMBER, text))

    def _number(self, number: str) -> str:
        return number if _NO_PHONE.fullmatch(_narrow(number).translate(_KINDS)) else self.phone(number)


def _remembering(mask: Callable[[str], str]) -> Callable[[str], str]:
    """Return a mask that remembers those of short values, which repeat; long ones would fill the memory."""
    remembered = lru_cache(_REMEMBERED)(mask)

    def masked(value: str) -> str:
        return remembered(value) if len(value) <= _SHORT else mask(value)

    return masked


def define(connection: DuckDBPyConnection, secret: str | None) -> None:
    """Define the functions on a connection; without a secret they change nothing.

    `mask_email` and `mask_phone` are for columns of addresses and numbers, `mask_texts` for texts that people write,
    and `mask_emails` for names of things, in which numbers are not phone numbers.
    """
    connection.execute("set variable mask_id = $mask_id::varchar", {"mask_id": mask_id(secret)})
    bodies = dict.fromkeys(("email", "phone", "texts", "emails"), "value")
    if secret:
        masks = _Masks(secret)
        for name in bodies:
            connection.create_function(f"masked_{name}", _remembering(getattr(masks, name)), ["VARCHAR"], "VARCHAR")
            bodies[name] = f"masked_{name}(value)"
        # Of very many texts hardly any has an at sign or a digit: to look for one is quicker than a call of Python.
        is_wide = "strlen(value) <> length(value)"
        signs = {
            "emails": f"contains(value, '@') or ({is_wide} and regexp_matches(value, '[\uff20\ufe6b]'))",
            "texts": f"{is_wide} or regexp_matches(value, '[@0-9]')",
        }
        for name, has_sign in signs.items():
            bodies[name] = f"if({has_sign}, {bodies[name]}, value)"
    for name, body in bodies.items():
        connection.execute(f"create or replace temp macro mask_{name}(value) as {body}")


def mask_id(secret: str | None) -> str | None:
    """Return an id of the masks: the same for the same secret and the same code, None without a secret.

    It does not reveal the secret.
    """
    if not secret:
        return None
    return hashlib.sha256(secret.encode() + Path(__file__).read_bytes()).hexdigest()[:_DIGITS]
