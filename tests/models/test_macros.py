"""Macros that read texts of bills: which value each makes of a text."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.models.conftest import Schema

ABSENT = {None: None, "": None, " ": None, "-": None, " -\t": None}
ABSENT_IN_FILES = ABSENT | dict.fromkeys(("--", "---", "—", "N/A", "n/a", "#N/A", "null", "NULL", "\\N", "\ufeffN/A "))
NUMBERS = ABSENT_IN_FILES | {
    "12.50": "12.5",
    "-0": "0",
    "+5": "5",
    ".5": "0.5",
    "5.": "5",
    "1.2e-05": "0.000012",
    "1E+5": "100000",
    "\t7\u00a0": "7",
    "\ufeff7\u200b": "7",
    "1,234": None,  # it may be 1.234
    "1,234.50": "1234.5",
    "-1,234,567": "-1234567",
    "12,34.5": None,
    "0,123.4": None,
    "1_000": None,
    "1 000": None,
    "90%": None,
    "100 GB": None,
    "nan": None,
    "infinity": None,
    "soon": None,
}
VALUES: dict[str, dict[str | None, str | None]] = {
    "text": ABSENT
    | {"--": "--", "N/A": "N/A", "-a-": "-a-", "\u00a0 a b\t": "a b", "\ufeffx\u200b": "x", "名 ": "名", "\n": None},
    "file_text": ABSENT_IN_FILES | {"NA": "NA", "name": "name", "#1": "#1", " -5 ": "-5", "nulls\t": "nulls"},
    "region": {"Asia\u00a0Pacific (Tokyo)Â\u00a0": "Asia Pacific (Tokyo) ", "Tokyo": "Tokyo", None: None},
    "money": NUMBERS | {"1e-9": "0", "1234567890123456789012345678901": None},
    "number": NUMBERS | {"1e-9": "0.000000001"},
    "ratio": NUMBERS | {"90%": "0.9", "12.5 %": "0.125", "0.9": "0.9", "%": None},
    "whole_number": ABSENT_IN_FILES | {"3": "3", "3.00": "3", "1,234,567": "1234567", "1,234": None, "3.5": None},
    "instant": ABSENT_IN_FILES
    | {
        "2026-10-31 23:30:00": "2026-10-31 15:30:00",
        "2026/10/31 23:30:00": "2026-10-31 15:30:00",
        "2026-10-31T23:30:00": "2026-10-31 15:30:00",
        "2026-10-31T23:30:00Z": "2026-10-31 23:30:00",
        "2026-10-31T23:30:00.5+00:00": "2026-10-31 23:30:00.5",
        "2026-10-31 23:30:00+09:00": "2026-10-31 14:30:00",
        "\u00a02026-10-31 23:30:00\t": "2026-10-31 15:30:00",
        "2026-10-31": "2026-10-30 16:00:00",
        "0000-00-00 00:00:00": None,
        "0000-00-00": None,
        "2026-02-30 00:00:00": None,
        "31/10/2026 23:30:00": None,
        "infinity": None,
        "now": None,
    },
    "calendar_day": ABSENT_IN_FILES
    | {
        "2026-10-31": "2026-10-31",
        "2026/10/1": "2026-10-01",
        "2026-10-31 00:00:00": "2026-10-31",
        "2026-10-31 12:00:00": None,
        "0000-00-00": None,
        "31/10/2026": None,
        "infinity": None,
    },
    "flag": ABSENT_IN_FILES | {"true": "true", "False": "false", "1": "true", "maybe": None},
    "currency": ABSENT_IN_FILES
    | {
        "USD": "USD",
        "usd ": "USD",
        "US$": "USD",
        "RMB": "CNY",
        "HK$": "HKD",
        "€": "EUR",
        "$": None,
        "¥": None,
        "7": None,
    },
    "tag_map": ABSENT
    | {
        "[]": "{}",
        '[{"TagKey":"b","TagValue":"1"},{"TagKey":"a","TagValue":null},{"TagKey":"b","TagValue":"2"}]': "{a=NULL, b=1}",
        '[{"Key":"a","Value":"1"}]': "{a=1}",
        '{"a":"1","b":2}': "{a=1, b=2}",
        '[{"TagKey":null,"TagValue":"1"},{"TagKey":"a","TagValue":"2"}]': "{a=2}",
        '[{"Name":"a"}]': None,
        '["a"]': None,
        "a=1": None,
        "[{": None,
    },
}
QUANTITIES = {
    ("100", "GB"): ("100", "GB"),
    ("100", None): ("100", None),
    ("100 GB", None): ("100", "GB"),
    ("100GB", "-"): ("100", "GB"),
    ("100 gb", "GB"): ("100", "GB"),
    ("2 hours", "Hour"): ("2", "Hour"),
    ("100 GB", "MB"): (None, "MB"),
    ("1,234.5 GB", None): ("1234.5", "GB"),
    ("1,234 GB", "GB"): (None, "GB"),
    ("1e-9", "GB"): ("0.000000001", "GB"),
    ("-", "GB"): (None, "GB"),
    (None, None): (None, None),
    ("many", None): (None, None),
}
"""Texts of a quantity and its unit, and what is read."""
TYPES = {
    "money": "decimal(38, 8)",
    "number": "decimal(38, 18)",
    "ratio": "decimal(38, 18)",
    "whole_number": "bigint",
    "instant": "timestamptz",
    "calendar_day": "date",
    "flag": "boolean",
    "tag_map": "map(varchar, varchar)",
}


@pytest.mark.parametrize("macro", VALUES)
def test_a_macro_reads_what_is_clear(schema: Schema, macro: str) -> None:
    """Each text has the value that stands beside it; a text that can be read in two ways has none."""
    type_ = TYPES.get(macro, "varchar")
    offset = " || '+00'" if macro == "instant" else ""
    query = f"""
        select {macro}(given), cast(wanted{offset} as {type_})
        from (select $given::varchar as given, $wanted::varchar as wanted)
    """
    found = {
        text: schema.connection.execute(query, {"given": text, "wanted": value}).fetchall()[0]
        for text, value in VALUES[macro].items()
    }
    assert {text: value for text, value in found.items() if value[0] != value[1]} == {}


def test_a_quantity_may_have_its_unit_with_it(schema: Schema) -> None:
    """A unit behind a quantity is read if its own column is empty or says the same."""
    query = "select quantity(q, u), unit(u, q) from (select $q::varchar as q, $u::varchar as u)"
    found = {
        (quantity, unit): schema.connection.execute(query, {"q": quantity, "u": unit}).fetchall()[0]
        for quantity, unit in QUANTITIES
    }
    assert found == {texts: (value and Decimal(value), unit) for texts, (value, unit) in QUANTITIES.items()}


def test_a_list_is_read_entry_by_entry(schema: Schema) -> None:
    """An entry that is not an object has no position; a text that is not a list is one entry."""
    query = """
        select entry.text, entry_position(entry.text, entry.place), entry.json ->> 'a'
        from (select unnest(list_entries(list)) as entry from (select $list::varchar as list))
    """
    given = ['[{"a": "x"},"y",{"b": 1}]', "[]", "-", None, '{"a": "x"}', "y, z", "[1"]
    found = [schema.connection.execute(query, {"list": text}).fetchall() for text in given]
    assert found == [
        [('{"a":"x"}', 0, "x"), ('"y"', None, None), ('{"b":1}', 2, None)],
        *([(None, None, None)] for _ in range(3)),
        [('{"a": "x"}', None, None)],
        [("y, z", None, None)],
        [("[1", None, None)],
    ]
