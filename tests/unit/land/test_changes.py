"""The change log: what a landing made appear and vanish, kept before the old rows are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.land.conftest import Lake, Row

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines import land
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Field
from pipelines.land import disk, landing
from pipelines.pages import Proof
from pipelines.periods import MonthState
from tests.unit.land.conftest import CUSTOMERS, DETAIL, FAILED, Pull, line

OWN = DATASETS["own_bill_summary"]
PRODUCT, PROJECT = '{"GroupType":"product"}', '{"GroupType":"project"}'


def told(entry: list[Row], *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of an entry's rows, sorted."""
    return sorted(tuple(row[name] for name in columns) for row in entry)


def test_the_first_landing_changes_nothing(lake: Lake) -> None:
    """Where nothing was landed before there is no entry."""
    assert lake.land({"1": Pull([line("a")])}).manifest.changes == ()


def test_what_appeared_vanished_and_changed_is_kept(lake: Lake) -> None:
    """An entry holds the new rows, the rows that are gone, and both values of a row that changed, with both times."""
    lake.land({"1": Pull([line("same"), line("gone"), line("changed", "1.10", New="1")])})
    file = lake.land({"1": Pull([line("changed", "1.1", New="1"), line("same"), line("new")])})
    (entry,) = lake.changes(file)
    assert told(entry, "_change", "Id", "TotalCost", "_paired") == [
        ("appeared", "changed", "1.1", True),
        ("appeared", "new", "1.10", False),
        ("vanished", "changed", "1.10", True),
        ("vanished", "gone", "1.10", False),
    ]
    assert {row["_old_requested_at"] for row in entry} == {datetime(2026, 11, 20, 5, tzinfo=UTC)}
    assert {row["_new_requested_at"] for row in entry} == {datetime(2026, 11, 20, 6, tzinfo=UTC)}
    assert {row["_customer_uin"] for row in entry} == {"1"}
    assert set(DETAIL.columns) | {"_extra"} <= entry[0].keys()


def test_equal_rows_in_another_order_are_no_change(lake: Lake) -> None:
    """Rows that come in another order, on other pages, by other requests, have not changed: the entry is empty."""
    lake.land({"1": Pull([line("a"), line("b"), line(None)])})
    file = lake.land({"1": Pull([line(None), line("b"), line("a")], page_size=1)})
    assert lake.changes(file) == [[]]


def test_a_change_of_an_unknown_field_is_a_change(lake: Lake) -> None:
    """A field that the catalogue does not know counts like any other."""
    lake.land({"1": Pull([line("a", New="1")])})
    file = lake.land({"1": Pull([line("a", New="2")])})
    assert told(lake.changes(file)[0], "_change", "_extra") == [
        ("appeared", '{"New":"2"}'),
        ("vanished", '{"New":"1"}'),
    ]


def test_null_and_empty_are_different(lake: Lake) -> None:
    """A null that became an empty text has changed; a null that stayed one has not."""
    lake.land({"1": Pull([line("a", Region=None), line("b", Region=None)])})
    file = lake.land({"1": Pull([line("a", Region=""), line("b", Region=None)])})
    assert told(lake.changes(file)[0], "_change", "Id", "Region") == [("appeared", "a", ""), ("vanished", "a", None)]


def test_rows_that_are_alike_are_counted(lake: Lake) -> None:
    """Of rows that are the same in every field, as many appear or vanish as there are more or fewer."""
    lake.land({"1": Pull([line("a")] * 3), "2": Pull([line("a")]), "3": Pull([line("a")] * 2)})
    file = lake.land({"1": Pull([line("a")]), "2": Pull([line("a")] * 3), "3": Pull([line("a")] * 2)})
    expected = [("1", "vanished"), ("1", "vanished"), ("2", "appeared"), ("2", "appeared")]
    assert told(lake.changes(file)[0], "_customer_uin", "_change") == expected


def test_rows_are_paired_only_by_an_id_that_is_unique_on_both_sides(lake: Lake) -> None:
    """An Id that is not unique in the old rows and in the new ones, or is null, pairs nothing."""
    twice_in_both = [line("x", "1"), line("x", "2")], [line("x", "1"), line("x", "3")]
    once_then_twice = [line("y", "1")], [line("y", "2"), line("y", "3")]
    without = [line(None, "1")], [line(None, "2")]
    cases = {"1": twice_in_both, "2": once_then_twice, "3": without}
    lake.land({uin: Pull(before) for uin, (before, _) in cases.items()})
    (entry,) = lake.changes(lake.land({uin: Pull(after) for uin, (_, after) in cases.items()}))
    assert {row["_customer_uin"] for row in entry} == cases.keys()
    assert {row["_paired"] for row in entry} == {False}


def test_ids_of_different_customers_are_not_paired(lake: Lake) -> None:
    """The same Id at two customers is two lines."""
    lake.land({"1": Pull([line("x", "1")]), "2": Pull()})
    entry = lake.changes(lake.land({"1": Pull(), "2": Pull([line("x", "2")])}))[0]
    assert told(entry, "_change", "_customer_uin", "_paired") == [("appeared", "2", False), ("vanished", "1", False)]


def test_an_id_that_pairs_at_one_customer_does_not_at_another(lake: Lake) -> None:
    """A line that changed at one customer is not paired with another customer's line that bears the same Id."""
    lake.land({"1": Pull([line("x", "1")]), "2": Pull()})
    entry = lake.changes(lake.land({"1": Pull([line("x", "2")]), "2": Pull([line("x", "3")])}))[0]
    assert told(entry, "_change", "_customer_uin", "_paired") == [
        ("appeared", "1", True),
        ("appeared", "2", False),
        ("vanished", "1", True),
    ]


def test_a_customer_that_is_kept_has_not_changed(lake: Lake) -> None:
    """Rows carried over, be it after a failure or because nobody asked, are no change."""
    lake.land({"1": Pull([line("a")]), "2": Pull([line("b")]), "3": Pull([line("c")])}, state=MonthState.ISSUED)
    file = lake.land({"1": FAILED, "2": Pull([line("x")], Proof.UNPROVEN)}, state=MonthState.ISSUED)
    assert lake.changes(file) == [[]]


def test_every_landing_is_told(lake: Lake) -> None:
    """The manifest cites the entries that led to it, oldest first, each named by the rows before and after."""
    digests = [lake.land({"1": Pull([line(name)])}).manifest.rows_digest[:16] for name in "abc"]
    manifest = land.landed(lake.partition())
    assert manifest.changes == (f"{digests[0]}-{digests[1]}.parquet", f"{digests[1]}-{digests[2]}.parquet")
    entries = lake.changes(land.LandedFile("", manifest))
    assert [told(entry, "_change", "Id") for entry in entries] == [
        [("appeared", "b"), ("vanished", "a")],
        [("appeared", "c"), ("vanished", "b")],
    ]


def test_what_was_believed_before_can_be_told(lake: Lake) -> None:
    """From what is landed now and the entries it cites, the rows of every earlier landing can be had again."""
    history = [["a", "b", "b"], ["b", "c"], [], ["b", "b", "d"]]
    for names in history:
        file = lake.land({"1": Pull([line(name) for name in names])})
    believed = sorted(row_id for (row_id,) in lake.rows("Id"))
    for names, entry in zip(reversed(history[:-1]), reversed(lake.changes(file)), strict=True):
        for row in entry:
            (believed.remove if row["_change"] == "appeared" else believed.append)(row["Id"])
        assert sorted(believed) == names


def test_a_landing_killed_before_the_replace_leaves_a_void_entry(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the entry is written, a landing has not happened; the rerun lands it, and the entry counts once."""
    lake.land({"1": Pull([line("a")])})
    before = lake.partition().path.read_bytes()
    pulled = lake.pulled(DETAIL, {"1": Pull([line("b")])})
    put = disk.put_in_place

    def killed(aside: Path, path: Path) -> None:
        if path.name == "data.parquet":
            raise KeyboardInterrupt
        put(aside, path)

    with monkeypatch.context() as patch:
        patch.setattr(landing.disk, "put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            land.land(lake.partition(), pulled)
    assert lake.partition().path.read_bytes() == before
    assert land.landed(lake.partition()).changes == ()
    assert len(list(lake.partition().changes.iterdir())) == 1
    file = land.land(lake.partition(), pulled)
    assert [told(entry, "_change", "Id") for entry in lake.changes(file)] == [[("appeared", "b"), ("vanished", "a")]]
    assert len(list(lake.partition().changes.iterdir())) == 1


def test_a_void_entry_of_other_rows_is_never_cited(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rerun brings other rows, the entry of the killed landing stays void."""
    lake.land({"1": Pull([line("a")])})
    with monkeypatch.context() as patch:
        patch.setattr(landing.disk, "put_in_place", lambda aside, path: None)
        lake.land({"1": Pull([line("b")])})
    file = lake.land({"1": Pull([line("c")])})
    assert [told(entry, "_change", "Id") for entry in lake.changes(file)] == [[("appeared", "c"), ("vanished", "a")]]


def test_landing_the_same_pages_again_changes_nothing(lake: Lake) -> None:
    """Killed after the replace, before the pages are forgotten, a rerun lands the same rows and tells of no change."""
    pulled = lake.pulled(DETAIL, {"1": Pull([line("a"), line("b")])})
    land.land(lake.partition(), pulled)
    file = land.land(lake.partition(), pulled)
    assert lake.changes(file) == [[]]
    assert len(lake.rows("Id")) == 2


def test_a_customer_list_has_changes_too(lake: Lake) -> None:
    """In a dataset that is replaced whole, and has no Id, customers that came and went are told."""
    lake.land({None: Pull([{"CustomerUin": "1"}, {"CustomerUin": "2"}])}, CUSTOMERS, None)
    file = lake.land({None: Pull([{"CustomerUin": "2"}, {"CustomerUin": "3"}])}, CUSTOMERS, None)
    partition = lake.partition(CUSTOMERS)
    entry = landing.pq.ParquetFile(partition.changes / file.manifest.changes[0]).read().to_pylist()
    assert told(entry, "_change", "CustomerUin", "_paired") == [("appeared", "3", False), ("vanished", "1", False)]


def test_a_column_the_catalogue_learns_is_no_change_of_rows(lake: Lake) -> None:
    """That a field moved from _extra to a column of its own is no restatement; other changes are still told."""
    lake.land({"1": Pull([line("a", NewField="x"), line("b", "1", NewField="y")])})
    fields = (
        Field("DetailSet", "list<object>", (*DETAIL.action.row_fields, Field("NewField"))),
        Field("Total", "int64"),
    )
    grown = replace(DETAIL, action=replace(DETAIL.action, fields=fields))
    file = lake.land({"1": Pull([line("a", NewField="x"), line("b", "2", NewField="y")])}, grown)
    assert told(lake.changes(file)[0], "_change", "Id", "TotalCost", "_paired") == [
        ("appeared", "b", "2", True),
        ("vanished", "b", "1", True),
    ]


def test_a_row_that_moves_between_parts_is_a_change(lake: Lake) -> None:
    """The change log compares the rows of each part: the same row under another part has vanished and appeared."""
    lake.land({None: [Pull([{"TotalCost": "1"}], slice_params=PRODUCT), Pull(slice_params=PROJECT)]}, OWN)
    file = lake.land({None: [Pull(slice_params=PRODUCT), Pull([{"TotalCost": "1"}], slice_params=PROJECT)]}, OWN)
    entry = landing.pq.ParquetFile(lake.partition(OWN).changes / file.manifest.changes[0]).read().to_pylist()
    assert sorted((row["_change"], row["_slice_params"]) for row in entry) == [
        ("appeared", PROJECT),
        ("vanished", PRODUCT),
    ]
