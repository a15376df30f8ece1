"""Personal data in a whole release: e-mail addresses and phone numbers are masks, unless the owner sets otherwise."""

from __future__ import annotations

import hashlib
import re
import stat
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines import paths
from pipelines.endpoints.shapes import Role
from pipelines.extract import fetching
from pipelines.publish import build_and_publish, is_current
from pipelines.sandbox import Sandbox, World
from tests.integration.conftest import NOW
from tests.integration.office import KEYS, PRINCIPALS, Office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.publish import Release

EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
FIELDS = ("Email", "ClientMail", "Mobile", "Phone")
"""What the API calls e-mail addresses and phone numbers."""


@pytest.fixture(scope="module", params=[Role.DISTRIBUTOR, Role.CUSTOMER])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An account of which everything is landed that it may ask; each test publishes it anew."""
    world = World(customers=4, lines=300, largest=150)
    with (
        pytest.MonkeyPatch.context() as patch,
        Sandbox(PRINCIPALS.values(), world, now=NOW, limits=False) as sandbox,
    ):
        patch.setattr(fetching, "FIRST_WAIT", 0.01)
        sandbox.storage.ready_after = 0
        office = Office(sandbox, tmp_path_factory.mktemp("home"), request.param)
        for kind, key in KEYS.items():
            if wanted := [dataset for dataset in office.datasets if dataset.partition is kind]:
                office.refresh(wanted, key, f"run {key}")
        yield office


def personal(office: Office) -> set[str]:
    """All e-mail addresses and phone numbers that landed."""
    found = set()
    for dataset in office.datasets:
        for name in {*FIELDS} & {*dataset.columns}:
            found |= {row[name] for row in office.rows(dataset)}
    return found - {None, "", "-"}


def published(home: Path, *, masked: bool = True, full: bool = True) -> Release:
    """Publish, and expect something to do."""
    release = build_and_publish(home, now=NOW, code_version="test", masked=masked, full=full)
    assert release
    return release


def texts(release: Release) -> dict[str, str]:
    """All that stands in a release, as one text for each table."""
    with duckdb.connect(str(release.path), read_only=True) as connection:
        return {
            table: "\n".join(text for (text,) in connection.execute(f"select t::varchar from {table} as t").fetchall())
            for table in release.tables
        }


def query(release: Release, sql: str) -> list[tuple[object, ...]]:
    """Ask a release."""
    with duckdb.connect(str(release.path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_no_address_and_no_number_is_published(office: Office) -> None:
    """Neither one that landed nor anything that looks like an address stands in any column of any table."""
    people = personal(office)
    assert people or office.role is Role.CUSTOMER
    for table, text in texts(published(office.home)).items():
        assert [person for person in people if person in text] == [], table
        assert EMAIL.findall(text) == [], table


def test_a_mask_is_the_same_wherever_its_value_is(office: Office) -> None:
    """It is made of the secret and the value alone, so it joins between tables and releases; the secret is kept."""
    first, second = published(office.home), published(office.home)
    kept = paths.mask_secret(office.home)
    secret = kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert secret.encode() not in second.path.read_bytes()
    masks = {hashlib.sha256(f"{secret}{value}".encode()).hexdigest()[:12] for value in digested(personal(office))}
    asked = "select email, phone_number from dim_customers order by all"
    assert query(first, asked) == query(second, asked)
    found = {mask for row in query(second, asked) for mask in row if mask}
    assert {str(mask).partition("~")[2] for mask in found} <= masks
    assert found or office.role is Role.CUSTOMER
    identity = "select personal_data, mask_id from meta.release"
    assert query(first, identity) == query(second, identity) != [("masked", None)]


def digested(people: set[str]) -> set[str]:
    """What of an address or number a mask is made of: upper and lower case, and signs in a number, make no other."""
    return {person.lower() if "@" in person else re.sub(r"\D", "", person) for person in people}


def test_the_owner_may_have_them_plain(office: Office) -> None:
    """Set so, all is built again and they stand there as they came; set back, all is built again and they do not."""
    published(office.home)
    assert is_current(office.home)
    assert not is_current(office.home, masked=False)
    plain = published(office.home, masked=False, full=False)
    assert plain.full
    assert is_current(office.home, masked=False)
    assert not is_current(office.home)
    assert query(plain, "select personal_data, mask_id from meta.release") == [("plain", None)]
    found = {value for row in query(plain, "select email, phone_number from dim_customers") for value in row if value}
    assert found <= personal(office)
    assert found or office.role is Role.CUSTOMER
    assert published(office.home, full=False).full
