"""Personal data in a whole release: e-mail addresses and phone numbers are masks, unless the owner sets otherwise."""

from __future__ import annotations

import hashlib
import re
import stat
import unicodedata
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines import paths
from pipelines.endpoints.shapes import Role
from pipelines.extract import fetching
from pipelines.model.masking import mask_id
from pipelines.publish import build_and_publish, is_current
from pipelines.sandbox import Sandbox, World, bill
from pipelines.sandbox.answers import credit, customer
from pipelines.sandbox.goods import INSTANCE_NAMES, TAGS
from pipelines.sandbox.profiles import Profile, profile
from tests.integration.conftest import NOW
from tests.integration.office import KEYS, PRINCIPALS, Office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.publish import Release

EMAIL = re.compile(r"[\w.+-]+[@\uff20][\w-]+[.\uff0e][\w.]+")
MASK = re.compile(r"\*\*\*(?:@\*\*\*|\d\d)~([0-9a-f]{12})")
FIELDS = ("Email", "ClientMail", "Mobile", "Phone")
"""What the API calls e-mail addresses and phone numbers."""
ADDRESSES = ("ann@example.com", "用户@例子.公司", "josé@пример.рф", "ops\uff20example.org")
NUMBERS = ("".join(map(chr, (0xFF10 + int(digit) for digit in "13800138000"))), "138\u00a00013\u00a08001")
"""In full-width digits, and with spaces that do not break."""


def told(seed: int, uin: str) -> Profile:
    """Tell of an account as the sandbox does, but for its address, number and remark."""
    known, number = profile(seed, uin), int(uin)
    return known._replace(
        email=ADDRESSES[number % len(ADDRESSES)],
        mobile=NUMBERS[number % len(NUMBERS)],
        remark=f"call {NUMBERS[1]} or {ADDRESSES[1]}",
    )


@pytest.fixture(scope="module", params=[Role.DISTRIBUTOR, Role.CUSTOMER])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An account of which everything is landed that it may ask.

    People's addresses and numbers are of any script, and stand in names and tags of resources too.
    """
    world = World(seed=4711, customers=4, lines=300, largest=150)  # the sandbox keeps what it made of a seed
    with (
        pytest.MonkeyPatch.context() as patch,
        Sandbox(PRINCIPALS.values(), world, now=NOW, limits=False) as sandbox,
    ):
        patch.setattr(fetching, "FIRST_WAIT", 0.01)
        patch.setattr(customer, "profile", told)
        patch.setattr(credit, "profile", told)
        patch.setattr(bill, "INSTANCE_NAMES", (*(f"vm of {address}" for address in ADDRESSES), *INSTANCE_NAMES))
        patch.setattr(bill, "TAGS", (*({"team": address} for address in ADDRESSES), *TAGS))
        sandbox.storage.ready_after = 0
        office = Office(sandbox, tmp_path_factory.mktemp("home"), request.param)
        for kind, key in KEYS.items():
            if wanted := [dataset for dataset in office.datasets if dataset.partition is kind]:
                office.refresh(wanted, key, f"run {key}")
        yield office


def personal(office: Office) -> set[str]:
    """All e-mail addresses and phone numbers that landed, as a field of their own or among other words."""
    found, words = set(), ""
    for dataset in office.datasets:
        rows = office.rows(dataset)
        words += str(rows)
        for name in {*FIELDS} & {*dataset.columns}:
            found |= {row[name] for row in rows}
    return (found | {each for each in ADDRESSES if each in words}) - {None, "", "-"} | {
        number for number in NUMBERS if number in words.replace("\\xa0", "\u00a0")
    }


def published(home: Path, *, masked: bool = True) -> Release:
    """Publish, and expect something to do."""
    release = build_and_publish(home, now=NOW, code_version="test", masked=masked)
    assert release
    return release


def texts(release: Release) -> dict[str, str]:
    """All that stands in a release, as one text for each table."""
    with duckdb.connect(str(release.path), read_only=True) as connection:
        return {
            table: "\n".join(text for (text,) in connection.execute(f"select t::varchar from {table} as t").fetchall())
            for table in release.tables
        }


def identity(release: Release) -> tuple[object, ...]:
    """What a release says of its masks."""
    with duckdb.connect(str(release.path), read_only=True) as connection:
        (found,) = connection.execute("select personal_data, mask_id from meta.release").fetchall()
    return found


def masks(secret: str, people: set[str]) -> set[str]:
    """What stands in masks of addresses and numbers: case, width, and signs in a number make no other."""
    plain = {unicodedata.normalize("NFKC", person) for person in people}
    values = {person.lower() if "@" in person else re.sub(r"\D", "", person) for person in plain}
    return {hashlib.sha256(f"{secret}{value}".encode()).hexdigest()[:12] for value in values}


def test_people_are_masked_unless_the_owner_sets_otherwise(office: Office) -> None:
    """Neither an address or number that landed nor anything that looks like an address stands in any table.

    Set otherwise, people stand there as they came; set back, all is built again and they do not. A mask is made of the
    secret, which is kept, and the value alone, so it joins between tables and releases.
    """
    people = personal(office)
    assert people >= {*ADDRESSES}
    assert people >= {*NUMBERS} or office.role is Role.CUSTOMER  # whose bill tells of no people

    plain = published(office.home, masked=False)
    assert is_current(office.home, masked=False)
    assert not is_current(office.home)
    assert identity(plain) == ("plain", None)
    shown = "\n".join(texts(plain).values())
    assert [person for person in people & {*ADDRESSES, *NUMBERS} if person not in shown] == []
    assert MASK.findall(shown) == []

    masked = published(office.home)
    assert masked.full
    assert is_current(office.home)
    assert not is_current(office.home, masked=False)
    found = texts(masked)
    for table, text in found.items():
        assert [person for person in people if person in text] == [], table
        assert EMAIL.findall(text) == [], table
    kept = paths.mask_secret(office.home)
    secret = kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert secret.encode() not in masked.path.read_bytes()
    assert identity(masked) == ("masked", mask_id(secret))
    of_names, seen = masks(secret, people & {*ADDRESSES, *NUMBERS}), {*MASK.findall("\n".join(found.values()))}
    assert of_names <= seen <= masks(secret, people)
    bills = "main.fct_own_bill_lines" if office.role is Role.CUSTOMER else "main.fct_bill_lines"
    assert len({*MASK.findall(found[bills])}) == len(ADDRESSES)
    assert {(made.is_complete, made.is_reconciled) for made in (plain, masked)} == {(True, True)}
