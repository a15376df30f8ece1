"""What the catalogue says of fields besides their type: who is told of by them, and which values are documented."""

from __future__ import annotations

import re

from pipelines.endpoints import DATASETS
from tests.unit.matrix import check_all

TELLING = re.compile(
    r"mail|mobile|phone|remark|^mark$|^operator$|(client|agent|subagent|customer)name$|materialurl|reason",
    re.IGNORECASE,
)
NAMES_OF_THINGS = {"own_cost_explorer", "country_codes", "industries"}
"""Datasets whose `Name` is that of a product, a country or a trade."""


def test_what_tells_of_a_person_is_marked() -> None:
    """Mail, telephone, names and free remarks of people and firms are marked, so that nothing repeats their values."""

    def check(name: str) -> None:
        fields = DATASETS[name].fields
        telling = {field.name for field in fields if TELLING.search(field.name)}
        if name not in NAMES_OF_THINGS:
            telling |= {field.name for field in fields if field.name == "Name"}
        assert telling <= {field.name for field in fields if field.personal}

    check_all(check, DATASETS)


def test_documented_values_are_texts_of_their_field() -> None:
    """Values are spelled as they land, each once; numbers are whole, a bool is true or false, a list has none."""

    def check(name: str) -> None:
        for field in DATASETS[name].fields:
            assert len(set(field.values)) == len(field.values)
            if field.values and field.type != "string":
                spelled = r"true|false" if field.type == "bool" else r"-?\d+"
                assert field.type in {"bool", "int64", "uint64"}
                assert [value for value in field.values if not re.fullmatch(spelled, value)] == []

    check_all(check, DATASETS)


def test_values_are_documented_of_the_fields_that_have_few() -> None:
    """The fields whose values the definition lists are watched for others; those of a person are not."""
    listed = {(name, field.name) for name, dataset in DATASETS.items() for field in dataset.fields if field.values}
    assert {
        ("bill_summary_by_pay_mode", "PayMode"),
        ("customer_bill_detail", "Currency"),
        ("customer_info", "AuthStatus"),
        ("customers_credit", "IdentifyType"),
        ("customer_vouchers", "VoucherStatus"),
        ("invitations", "Status"),
    } <= listed
    assert not [field for dataset in DATASETS.values() for field in dataset.fields if field.values and field.personal]
