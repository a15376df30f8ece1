"""How the shape of rows changed: what a landing says of its own, and since when each change is seen."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipelines import land, locks, paths
from pipelines.endpoints import DATASETS
from pipelines.errors import Busy, CorruptFile
from pipelines.land import drift
from pipelines.pages import Proof
from tests.unit.land.conftest import DETAIL, FAILED, Pull, line

if TYPE_CHECKING:
    from tests.unit.land.conftest import Lake, Row

pytestmark = pytest.mark.usefixtures("no_comparison")

VOUCHERS = DATASETS["customer_vouchers"]
CREDITS = DATASETS["customers_credit"]
FILES = DATASETS["customer_bill_detail_files"]
NAMES = set(DETAIL.columns)


def full(**fields: Any) -> Row:
    """Return a bill line of which every field is filled."""
    return dict.fromkeys(DETAIL.columns, "x") | {"TotalCost": "1", "Currency": "USD"} | fields


def seen(lake: Lake, file: land.LandedFile) -> list[tuple[Any, ...]]:
    """What a landing shows: kind, field, value and the key it was first seen in."""
    return [(one.kind, one.field, one.value, one.first_key) for one in land.drift_of(lake.home, file)]


def times(lake: Lake, file: land.LandedFile) -> set[tuple[str, str]]:
    """When what a landing shows was seen first and last, the hours alone."""
    return {(one.first_seen_at[11:13], one.last_seen_at[11:13]) for one in land.drift_of(lake.home, file)}


class TestShape:
    """What a manifest says of the fields of its own pull."""

    def test_every_field_is_filled_empty_absent_or_new(self, lake: Lake) -> None:
        """One row with a value fills a field; one that came as null only is empty; one that did not come is absent."""
        rows = [line("a", Region=None, Tax="1"), line("b", Region=None), line("c", ProductName="p", Region=None)]
        fields = {"Id", "TotalCost", "Currency", "ProductName", "Region", "Tax"}
        manifest = lake.land({"1": Pull(rows, fields=fields)}).manifest
        assert manifest.fields == dict.fromkeys(DETAIL.columns, "absent") | {
            "Id": "filled",
            "TotalCost": "filled",
            "Currency": "filled",
            "ProductName": "filled",
            "Region": "empty",
            "Tax": "new",
        }

    def test_pages_that_do_not_know_what_came_say_what_they_hold(self, lake: Lake) -> None:
        """Without the names that came, a field without a value is empty, and new ones are those in `_extra`."""
        fields = lake.land({"1": Pull([line("a", Tax="1", Levy=None), line("b")])}).manifest.fields
        assert {name for name, status in fields.items() if status == "filled"} == {"Id", "TotalCost", "Currency"}
        assert {name for name, status in fields.items() if status == "new"} == {"Tax", "Levy"}
        assert set(fields.values()) == {"filled", "empty", "new"}

    def test_rows_that_were_not_pulled_now_say_nothing(self, lake: Lake) -> None:
        """Carried rows, pages that do not land and pulls without rows leave the shape unsaid."""
        lake.land({"1": Pull([full()], fields=NAMES)})
        for pull in (FAILED, Pull()):
            manifest = lake.land({"2": pull}).manifest
            assert (manifest.rows, manifest.fields, manifest.unknown_values) == (1, {}, {})
        fields = lake.land({"2": Pull([line("a")], fields={"Id", "TotalCost", "Currency"})}).manifest.fields
        assert fields["Region"] == "absent"

    def test_values_that_no_document_enumerates_are_told(self, lake: Lake) -> None:
        """Of fields with documented values the others are told, each once, in order; a dash is no value."""
        rows = [{"VoucherId": "1", "VoucherStatus": text} for text in ("Used", "Odd", None, "", "-", "Odd", "Frozen")]
        manifest = lake.land({None: Pull(rows)}, VOUCHERS, None).manifest
        assert manifest.unknown_values == {"VoucherStatus": ["Frozen", "Odd"]}

    def test_of_many_unknown_values_the_first_twenty_are_told(self, lake: Lake) -> None:
        """A field that turns out to be free text does not fill the manifest."""
        rows = [{"VoucherStatus": f"s{number:02}"} for number in range(50)]
        manifest = lake.land({None: Pull(rows)}, VOUCHERS, None).manifest
        assert manifest.unknown_values == {"VoucherStatus": [f"s{number:02}" for number in range(20)]}

    def test_values_of_a_person_are_never_told(self, lake: Lake) -> None:
        """A personal field's values are not told, even if some were documented."""
        fields = tuple(replace(field, values=("known",)) for field in CREDITS.fields)
        row = {"Name": "Ada", "Email": "ada@example.com", "IdentifyType": "7"}
        shape = drift.Shape(replace(CREDITS, file=fields))
        [page] = lake.pulled(CREDITS, {None: Pull([row])}).pages
        shape.add(page)
        assert shape.unknown_values == {"IdentifyType": ["7"]}

    def test_tags_in_files_are_the_accounts_own(self, lake: Lake) -> None:
        """A column for a tag is no new field of the API's."""
        rows = [line("a", **{"tag_key:team": "x", "Tag_Key:env": "y", "Tax": "1"})]
        fields = lake.land({"1": Pull(rows)}, FILES).manifest.fields
        assert [name for name, status in fields.items() if status == "new"] == ["Tax"]


class TestSightings:
    """Since when each change is seen."""

    def test_the_first_landing_has_nothing_to_compare_with(self, lake: Lake) -> None:
        """A field that never had a value is not lost, and one that comes is not new but known."""
        assert seen(lake, lake.land({"1": Pull([line("a")], fields={"Id"})})) == []

    def test_a_new_field_is_seen(self, lake: Lake) -> None:
        """A field that the catalogue does not know is told from its first landing on, with that landing's time."""
        first = lake.land({"1": Pull([full(Tax="1")])}, key="2026-09")
        assert seen(lake, first) == [("new_field", "Tax", None, "2026-09")]
        lake.land({"1": Pull([full(Tax="1")])}, key="2026-10")
        last = lake.land({"1": Pull([full(Tax="1")])}, key="2026-08")
        assert seen(lake, last) == [("new_field", "Tax", None, "2026-09")]
        assert times(lake, last) == {("05", "07")}

    def test_a_field_that_had_values_is_lost_or_empty(self, lake: Lake) -> None:
        """Once filled, a field that does not come is lost, and one that comes as null is empty."""
        lake.land({"1": Pull([full()], fields=NAMES)}, key="2026-09")
        rows = [{name: value for name, value in full(Region=None).items() if name != "ItemCode"}]
        file = lake.land({"1": Pull(rows, fields=NAMES - {"ItemCode"})}, key="2026-10")
        assert seen(lake, file) == [
            ("empty_field", "Region", None, "2026-10"),
            ("lost_field", "ItemCode", None, "2026-10"),
        ]

    def test_a_field_that_came_later_is_not_lost_before(self, lake: Lake) -> None:
        """An older month without a field that newer ones have has lost nothing, now and when it is looked at again."""
        lake.land({"1": Pull([full()], fields=NAMES)}, key="2026-10")
        old = lake.land({"1": Pull([line("a")], fields={"Id", "TotalCost", "Currency"})}, key="2026-09")
        assert seen(lake, old) == []
        new = lake.land({"1": Pull([full(ItemCode=None)], fields=NAMES)}, key="2026-11")
        assert seen(lake, new) == [("empty_field", "ItemCode", None, "2026-11")]
        assert seen(lake, old) == []

    def test_a_field_may_be_lost_in_the_month_it_was_filled_in(self, lake: Lake) -> None:
        """The same month, asked again, shows it too."""
        lake.land({"1": Pull([full()], fields=NAMES)})
        assert seen(lake, lake.land({"1": Pull([full(ItemCode=None)], fields=NAMES)})) == [
            ("empty_field", "ItemCode", None, "2026-10")
        ]

    def test_what_went_away_is_kept_but_not_shown(self, lake: Lake) -> None:
        """A change that a landing does not show is no word about it; the file keeps when it was seen."""
        lake.land({"1": Pull([full(Tax="1")])})
        assert seen(lake, lake.land({"1": Pull([full()])})) == []
        kept = list(drift.sightings(lake.home))
        assert [(dataset, account, one.field) for dataset, account, one in kept] == [
            ("customer_bill_detail", "acme", "Tax")
        ]

    def test_each_unknown_value_is_seen_for_itself(self, lake: Lake) -> None:
        """Values are told one by one, each with its own first time."""
        lake.land({None: Pull([{"VoucherStatus": "Odd"}])}, VOUCHERS, None, key="2026-11-20")
        rows = [{"VoucherStatus": "Odd"}, {"VoucherStatus": "Frozen"}]
        file = lake.land({None: Pull(rows)}, VOUCHERS, None, key="2026-11-21")
        assert seen(lake, file) == [
            ("unknown_value", "VoucherStatus", "Frozen", "2026-11-21"),
            ("unknown_value", "VoucherStatus", "Odd", "2026-11-20"),
        ]

    def test_unproven_rows_count_too(self, lake: Lake) -> None:
        """What landed has a shape, proven or not."""
        file = lake.land({"1": Pull([full(Tax="1")], Proof.UNPROVEN)})
        assert seen(lake, file) == [("new_field", "Tax", None, "2026-10")]


class TestFile:
    """The one file that keeps it."""

    def test_it_is_written_only_when_it_says_something_else(self, lake: Lake) -> None:
        """A landing of the usual shape leaves it alone."""
        lake.land({"1": Pull([full()], fields=NAMES)})
        path = paths.drift_file(lake.home, DETAIL.name, "acme")
        before = path.stat()
        lake.land({"1": Pull([full()], fields=NAMES)}, key="2026-11")
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert json.loads(path.read_text())["filled"] == dict.fromkeys(sorted(DETAIL.columns), "2026-10")

    def test_a_lost_file_starts_anew(self, lake: Lake) -> None:
        """Without it, a landing still tells what its own manifest shows, as of its own time."""
        lake.land({"1": Pull([full(Tax="1")])})
        file = lake.land({"1": Pull([full(Tax="1")])})
        paths.drift_file(lake.home, DETAIL.name, "acme").unlink()
        assert seen(lake, file) == [("new_field", "Tax", None, "2026-10")]
        assert times(lake, file) == {("06", "06")}

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"filled": {}, "sightings": [{"kind": "x"}]}'])
    def test_a_file_that_cannot_be_read_is_named(self, lake: Lake, content: str) -> None:
        """A broken file is named, and the landing has not happened."""
        file = lake.land({"1": Pull([line("a")])})
        path = paths.drift_file(lake.home, DETAIL.name, "acme")
        path.write_text(content)
        with pytest.raises(CorruptFile, match=re.escape(str(path))):
            lake.land({"1": Pull([line("b")])})
        assert lake.rows("Id") == [("a",)]
        with pytest.raises(CorruptFile):
            land.drift_of(lake.home, file)

    def test_landings_side_by_side_lose_nothing(self, lake: Lake) -> None:
        """Two months that land at once both keep what they saw."""
        months = [f"20{year}-{month:02}" for year in (24, 25) for month in range(1, 5)]
        pulled = {month: lake.pulled(DETAIL, {"1": Pull([full(**{month: "1"})])}) for month in months}
        threads = [
            threading.Thread(target=land.land, args=(lake.partition(key=month), pulled[month])) for month in months
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {one.field for _, _, one in drift.sightings(lake.home)} == set(months)

    def test_one_that_holds_it_for_long_is_named(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who waits in vain is told, and nothing landed."""
        monkeypatch.setattr(drift, "_WAIT", 0.0)
        lock = paths.partition_lock(lake.home, "acme", "drift-customer_bill_detail")
        with locks.held(lock, "a test"), pytest.raises(Busy, match="'acme', customer_bill_detail"):
            lake.land({"1": Pull([line("a")])})
        assert not lake.partition().path.exists()
