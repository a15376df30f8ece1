"""One landing: rows as they came, whose rows are replaced and whose are kept, and what the file says of itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.unit.land.conftest import Lake

import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import land
from pipelines.endpoints.shapes import Field
from pipelines.errors import Busy, CorruptFile, SettingError, StorageFailed
from pipelines.land.manifest import FOOTER_KEY, UNREADABLE_DIGEST
from pipelines.pages import Proof
from pipelines.periods import MonthState
from tests.unit.land.conftest import AT, CUSTOMERS, DETAIL, FAILED, Pull, line
from tests.unit.matrix import check_all

pytestmark = pytest.mark.usefixtures("no_comparison")


class TestRows:
    """Rows are kept as they came."""

    def test_texts_are_kept_as_they_came(self, lake: Lake) -> None:
        """Every text, null and unknown field is in the file character by character, all as text."""
        awkward = {"ProductName": '云, "x"\n', "TotalCost": "1234567890123.12345678", "Region": "", "New": "1.50"}
        lake.land({"1": Pull([line("a", **awkward), line(None, "-0")])})
        table = lake.table()
        assert table.schema.names == [*DETAIL.columns, "_extra", *land.LINEAGE.names]
        assert set(table.schema.types[: len(DETAIL.columns) + 1]) == {pa.string()}
        first, second = table.to_pylist()
        assert {name: first[name] for name in ("ProductName", "TotalCost", "Region")} == {
            name: awkward[name] for name in ("ProductName", "TotalCost", "Region")
        }
        assert first["_extra"] == '{"New":"1.50"}'
        assert (first["InstanceId"], second["Id"], second["TotalCost"], second["_extra"]) == (None, None, "-0", None)

    def test_every_row_says_where_it_came_from(self, lake: Lake) -> None:
        """Lineage columns give account, customer, part, reply, file, page, position in it, request and time."""
        slice_params, reply = '{"VoucherId":5}', '{"TotalAmount":"1.50"}'
        rows = [line("a"), line("b"), line("c")]
        lake.land({"1": Pull(rows, slice_params=slice_params, reply=reply), "2": Pull([line("d")], file="abc/one.csv")})
        at = AT + timedelta(hours=1)
        assert land.LINEAGE.names == [
            "_account",
            "_customer_uin",
            "_slice_params",
            "_reply",
            "_file",
            "_page",
            "_position",
            "_request_id",
            "_fetched_at",
        ]
        assert lake.rows("Id", *land.LINEAGE.names) == [
            ("a", "acme", "1", slice_params, reply, None, 1, 0, "request 1 1", at),
            ("b", "acme", "1", slice_params, reply, None, 1, 1, "request 1 1", at),
            ("c", "acme", "1", slice_params, reply, None, 2, 0, "request 1 2", at),
            ("d", "acme", "2", None, None, "abc/one.csv", 1, 0, "request 2 1", at),
        ]
        assert lake.table().schema.field("_fetched_at").type == pa.timestamp("us", tz="UTC")

    def test_rows_that_are_alike_are_all_kept(self, lake: Lake) -> None:
        """Nothing is deduplicated: rows that are the same in every field, Id included, all land."""
        lake.land({"1": Pull([line("a"), line("a"), line("a")])})
        assert len(lake.rows("Id")) == 3

    def test_no_rows_land_as_an_empty_file(self, lake: Lake) -> None:
        """A month without any bill is a file with columns and without rows, and whole."""
        file = lake.land({"1": Pull(), "2": Pull()})
        assert (file.manifest.rows, file.manifest.state, file.manifest.expected_rows) == (0, "whole", 0)
        assert lake.table().schema.names[0] == DETAIL.columns[0]

    def test_an_account_without_customers_lands_empty(self, lake: Lake) -> None:
        """No customers at all is a fact that lands."""
        assert lake.land({}).manifest.slices == ()

    def test_many_rows_land_in_groups(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows are written in row groups of a bounded size, in the order they came."""
        monkeypatch.setattr("pipelines.land.landing.ROWS_PER_GROUP", 4)
        lake.land({"1": Pull(line(str(number)) for number in range(11))})
        metadata = pq.read_metadata(lake.partition().path)
        assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [4, 4, 3]
        assert [row_id for (row_id,) in lake.rows("Id")] == [str(number) for number in range(11)]


class TestManifest:
    """The file says of itself what it holds and how well that is proven."""

    def test_it_travels_in_the_footer(self, lake: Lake) -> None:
        """What landing returns is what the Parquet footer says, and what reading the manifest gives."""
        file = lake.land({"1": Pull([line("a")]), "2": FAILED})
        metadata = pq.read_metadata(lake.partition().path).metadata
        assert json.loads(metadata[FOOTER_KEY.encode()]) == json.loads(file.manifest.to_json())
        assert land.read_manifest(lake.partition().path) == file.manifest == land.landed(lake.partition())
        assert land.landed_files(lake.home) == [file]
        assert file.path == "lake/raw/customer_bill_detail/account=acme/bill_month=2026-10/data.parquet"

    def test_it_names_partition_run_and_window(self, lake: Lake) -> None:
        """It names dataset, account, month, its state, run, code and when it was asked."""
        manifest = lake.land({"1": Pull([line("a")])}, state=MonthState.PROVISIONAL).manifest
        assert (manifest.dataset, manifest.account, manifest.kind, manifest.partition_key, manifest.month_state) == (
            "customer_bill_detail",
            "acme",
            "bill_month",
            "2026-10",
            "provisional",
        )
        assert (manifest.run_id, manifest.code_version) == ("run 1", "0.1.0+abc")
        assert (manifest.requested_from, manifest.requested_to) == (
            "2026-11-20T04:55:00+00:00",
            "2026-11-20T05:00:00+00:00",
        )

    def test_the_first_landing_is_remembered(self, lake: Lake) -> None:
        """Each later landing of a partition carries over when the first one ended."""
        first = lake.land({"1": Pull([line("a")])}).manifest
        lake.land({"1": Pull([line("a"), line("b")])})
        third = lake.land({"2": Pull([line("c")])}).manifest
        assert (first.first_landed_at, third.first_landed_at) == (first.requested_to, first.requested_to)
        assert third.requested_to > first.requested_to

    def test_costs_are_exact_by_currency(self, lake: Lake) -> None:
        """Sums are exact beyond a double's digits, one for each currency; what spells no amount adds nothing."""
        rows = [
            line("a", "98765432109876543210.00000001"),
            line("b", "-0.00000001"),
            line("c", "0.10", Currency="CNY"),
            line("d", "-"),
            line("e", "1", Currency=None),
            {"Id": "f"},
        ]
        manifest = lake.land({"1": Pull(rows)}).manifest
        assert manifest.costs == {"": "1", "CNY": "0.10", "USD": "98765432109876543210.00000000"}
        assert Decimal(manifest.slices[0].cost) == Decimal("98765432109876543211.1")

    def test_costs_never_have_an_exponent(self, lake: Lake) -> None:
        """Sums are spelled without exponent, as SQL and people read them."""
        manifest = lake.land(
            {"1": Pull([line("a", "1E5"), line("b", "1e-8")]), "2": Pull([line("c", "0E-8")])}
        ).manifest
        assert manifest.costs == {"USD": "100000.00000001"}
        assert [customer.cost for customer in manifest.slices] == ["100000.00000001", "0.00000000"]

    def test_customers_are_told_in_order(self, lake: Lake) -> None:
        """Each customer has rows, total, proof and when it was proven, sorted by UIN."""
        manifest = lake.land(
            {"20": Pull([line("a"), line("b")]), "3": Pull([line("c")], Proof.UNPROVEN, expected=4), "100": FAILED},
            listed=["20", "3"],
        ).manifest
        told = [(c.customer_uin, c.rows, c.expected_rows, c.proof, c.listed, c.carried) for c in manifest.slices]
        assert told == [
            ("100", 0, None, "failed", False, False),
            ("20", 2, 2, "proven", True, False),
            ("3", 1, 4, "unproven", True, False),
        ]
        assert [c.proven_at for c in manifest.slices] == [None, "2026-11-20T05:00:00+00:00", None]
        assert (manifest.slices[0].code, manifest.slices[0].request_id) == ("Refused", "r-9")

    @pytest.mark.parametrize(
        ("pulls", "listed", "state"),
        [
            ({"1": Pull(), "2": Pull()}, ["1", "2"], "whole"),
            ({"1": Pull(), "2": Pull(proof=Proof.UNPROVEN)}, ["1", "2"], "unproven"),
            ({"1": Pull(proof=Proof.UNPROVEN), "2": FAILED}, ["1", "2"], "partial"),
            ({"1": Pull(), "2": FAILED}, ["1"], "whole"),
            ({"1": Pull(), "2": Pull(proof=Proof.UNPROVEN)}, ["1"], "unproven"),
        ],
    )
    def test_its_state_is_that_of_the_weakest_customer(self, lake: Lake, pulls: Any, listed: Any, state: Any) -> None:
        """A failed customer makes it partial, an unproven one unproven; a failed one that is not listed is excused."""
        assert lake.land(pulls, listed=listed).manifest.state == state

    def test_its_digest_tells_rows_apart(self, lake: Lake) -> None:
        """Landings that differ in one late row, or in what is said of them, have different digests."""
        rows = [line(str(number)) for number in range(9)]
        files = [
            lake.land({"1": Pull(rows)}),
            lake.land({"1": Pull([*rows[:-1], line("8", "1.11")])}),
            lake.land({"1": Pull(rows)}),
        ]
        assert len({file.manifest.rows_digest for file in files}) == 3
        assert len({file.digest for file in files}) == 3

    def test_the_same_pages_have_the_same_rows_digest(self, lake: Lake) -> None:
        """Landing the very pages again gives the same rows digest, whatever else the manifest says."""
        pulled = lake.pulled(DETAIL, {"1": Pull([line("a")])})
        first = land.land(lake.partition(), pulled)
        second = land.land(lake.partition(), replace(pulled, run_id="another"))
        assert first.manifest.rows_digest == second.manifest.rows_digest
        assert first.digest != second.digest


class TestMerge:
    """Whose rows a landing replaces, and whose it keeps."""

    def ids(self, lake: Lake) -> dict[str, list[str]]:
        """The Ids landed, by customer."""
        found: dict[str, list[str]] = {}
        for customer, row_id in lake.rows("_customer_uin", "Id"):
            found.setdefault(customer, []).append(row_id)
        return found

    def test_a_pulled_customers_rows_are_replaced(self, lake: Lake) -> None:
        """A new pull of a customer replaces all its rows, also where there are fewer or none."""
        lake.land({"1": Pull([line("a"), line("b")]), "2": Pull([line("c")])})
        file = lake.land({"1": Pull([line("d")]), "2": Pull()})
        assert self.ids(lake) == {"1": ["d"]}
        assert file.manifest.rows == 1

    def test_customers_not_asked_are_carried_over(self, lake: Lake) -> None:
        """A pull of some customers keeps the others' rows, their proof and its time."""
        lake.land({"1": Pull([line("a"), line("b")]), "2": Pull([line("c")])})
        before = {row["Id"]: row for row in lake.table().to_pylist()}
        manifest = lake.land({"2": Pull([line("d")])}).manifest
        assert self.ids(lake) == {"1": ["a", "b"], "2": ["d"]}
        kept = [row for row in lake.table().to_pylist() if row["_customer_uin"] == "1"]
        assert kept == [before["a"], before["b"]]
        first, second = manifest.slices
        assert (first.carried, first.proof, first.proven_at) == (True, "proven", "2026-11-20T05:00:00+00:00")
        assert (second.carried, second.proven_at) == (False, "2026-11-20T06:00:00+00:00")
        assert manifest.costs == {"USD": "3.30"}

    def test_a_failed_customer_keeps_its_rows(self, lake: Lake) -> None:
        """A customer whose pull failed keeps rows, cost and time of proof, and is named with the failure."""
        lake.land({"1": Pull([line("a"), line("b")]), "2": Pull([line("c")])})
        manifest = lake.land({"1": FAILED, "2": Pull([line("d")])}).manifest
        assert self.ids(lake) == {"1": ["a", "b"], "2": ["d"]}
        failed = manifest.slices[0]
        assert (failed.proof, failed.rows, failed.expected_rows, failed.cost) == ("failed", 2, 2, "2.20")
        assert (failed.carried, failed.proven_at) == (True, "2026-11-20T05:00:00+00:00")
        assert (failed.reason, failed.code, failed.request_id) == ("it is failed", "Refused", "r-9")
        assert manifest.state == "partial"
        assert manifest.rows == 3

    def test_a_customer_that_recovers_is_whole_again(self, lake: Lake) -> None:
        """After a failure, the next good pull replaces the rows that were kept."""
        lake.land({"1": Pull([line("a")])})
        lake.land({"1": FAILED})
        manifest = lake.land({"1": Pull([line("b")])}).manifest
        assert self.ids(lake) == {"1": ["b"]}
        assert (manifest.state, manifest.slices[0].carried, manifest.slices[0].reason) == ("whole", False, "")

    def test_a_new_customer_that_fails_has_no_rows(self, lake: Lake) -> None:
        """A customer that fails at its first pull is named and has none."""
        lake.land({"1": Pull([line("a")])})
        manifest = lake.land({"1": Pull([line("b")]), "2": FAILED}).manifest
        assert self.ids(lake) == {"1": ["b"]}
        assert (manifest.slices[1].rows, manifest.slices[1].carried) == (0, False)

    def test_unproven_replaces_proven_while_the_month_is_open(self, lake: Lake) -> None:
        """On an open month newer rows count more than proven ones, which are of yesterday."""
        lake.land({"1": Pull([line("a")])})
        manifest = lake.land({"1": Pull([line("b")], Proof.UNPROVEN, expected=2)}).manifest
        assert self.ids(lake) == {"1": ["b"]}
        assert (manifest.slices[0].proof, manifest.slices[0].proven_at) == ("unproven", None)

    def test_unproven_does_not_replace_proven_once_the_month_is_closed(self, lake: Lake) -> None:
        """On a closed month rows proven since the close stay, and the doubt is told with the API's new total."""
        lake.land({"1": Pull([line("a")]), "2": Pull([line("c")])}, state=MonthState.ISSUED)
        bad = Pull([line("b"), line("b")], Proof.UNPROVEN, expected=3)
        manifest = lake.land({"1": bad, "2": Pull([line("d")])}, state=MonthState.ISSUED).manifest
        assert self.ids(lake) == {"1": ["a"], "2": ["d"]}
        kept = manifest.slices[0]
        assert (kept.proof, kept.rows, kept.expected_rows, kept.cost, kept.carried) == ("unproven", 1, 3, "1.10", True)
        assert (kept.proven_at, kept.proven_issued) == ("2026-11-20T05:00:00+00:00", True)
        assert manifest.state == "unproven"

    @pytest.mark.parametrize("between", [FAILED, Pull([line("x")], Proof.UNPROVEN)])
    def test_proven_rows_outlast_more_than_one_bad_pull(self, lake: Lake, between: Any) -> None:
        """Rows proven since the close stay through several pulls that prove nothing."""
        lake.land({"1": Pull([line("a")])}, state=MonthState.ISSUED)
        lake.land({"1": between}, state=MonthState.ISSUED)
        lake.land({"1": Pull([line("b")], Proof.UNPROVEN)}, state=MonthState.ISSUED)
        assert self.ids(lake) == {"1": ["a"]}

    @pytest.mark.parametrize("state", [MonthState.OPEN, MonthState.PROVISIONAL])
    @pytest.mark.parametrize("between", [(), (FAILED,)])
    def test_rows_proven_before_the_close_do_not_stand_against_newer_ones(
        self, lake: Lake, state: Any, between: Any
    ) -> None:
        """What was proven while the month ran is not the bill: unproven rows of after the close replace it."""
        lake.land({"1": Pull([line("a")])}, state=state)
        for pull in between:
            lake.land({"1": pull}, state=MonthState.ISSUED)
        lake.land({"1": Pull([line("b")], Proof.UNPROVEN)}, state=MonthState.ISSUED)
        assert self.ids(lake) == {"1": ["b"]}

    def test_a_whole_dataset_is_replaced(self, lake: Lake) -> None:
        """The customer list is one thing: a new one replaces all of the old one."""
        lake.land({None: Pull([{"CustomerUin": "1"}, {"CustomerUin": "2"}])}, CUSTOMERS, None)
        manifest = lake.land({None: Pull([{"CustomerUin": "3"}])}, CUSTOMERS, None).manifest
        assert lake.rows("CustomerUin", "_customer_uin", dataset=CUSTOMERS) == [("3", None)]
        assert [customer.customer_uin for customer in manifest.slices] == [None]
        assert manifest.month_state is None
        assert manifest.costs == {}

    def test_a_column_the_catalogue_learns_is_null_in_older_rows(self, lake: Lake) -> None:
        """Carried rows get a null for a new column; what the API sent before stays in their _extra."""
        lake.land({"1": Pull([line("a", NewField="x")]), "2": Pull([line("b", NewField="y")])})
        rows = DETAIL.action.row_fields
        grown = replace(
            DETAIL,
            action=replace(
                DETAIL.action,
                fields=(
                    Field("DetailSet", "list<object>", (*rows[:3], Field("NewField"), *rows[3:])),
                    Field("Total", "int64"),
                ),
            ),
        )
        lake.land({"2": Pull([line("b", NewField="y")])}, grown)
        assert lake.table().schema.names[3] == "NewField"
        assert sorted(lake.rows("Id", "NewField", "_extra")) == [("a", None, '{"NewField":"x"}'), ("b", "y", None)]


class TestReading:
    """What is landed is read only if it is what it says it is."""

    def test_nothing_landed_has_no_manifest(self, lake: Lake) -> None:
        """Before the first landing there is none."""
        assert land.landed(lake.partition()) is None
        assert land.landed_files(lake.home) == []

    def test_a_sound_file_is_verified(self, lake: Lake) -> None:
        """Verifying a file that is as it was landed finds nothing."""
        file = lake.land({"1": Pull([line("a"), line("b", "2.20")])})
        land.verify(lake.partition().path, file.manifest, DETAIL)

    @pytest.mark.parametrize(
        ("change", "facts"),
        [({"rows": 3}, r"\b2 rows.*\b3\b"), ({"costs": {"USD": "3.31"}}, r"3\.30.*3\.31")],
    )
    def test_a_manifest_that_says_otherwise_is_found(self, lake: Lake, change: dict[str, Any], facts: str) -> None:
        """Rows or sums that differ from the manifest are told with both."""
        file = lake.land({"1": Pull([line("a"), line("b", "2.20")])})
        with pytest.raises(CorruptFile, match=facts):
            land.verify(lake.partition().path, replace(file.manifest, **change), DETAIL)

    def test_a_flipped_byte_in_any_page_is_found(self, lake: Lake) -> None:
        """A changed byte in the data of any column is found by its page's checksum."""
        file = lake.land(
            {"1": Pull(line(f"id {number}", f"{number}.10", ProductName="p" * number) for number in range(40))}
        )
        path = lake.partition().path
        sound = path.read_bytes()
        group = pq.read_metadata(path).row_group(0)
        for index in range(group.num_columns):
            column = group.column(index)
            start = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
            place = start + column.total_compressed_size - 1
            path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
            with pytest.raises(CorruptFile, match=re.escape(str(path))):
                land.verify(path, file.manifest, DETAIL)

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all" * 20, b"PAR1" + b"\xff" * 100 + b"PAR1"])
    def test_a_file_that_is_no_parquet_is_named(self, lake: Lake, content: bytes) -> None:
        """A file that cannot be read is named by every way of looking at it."""
        lake.land({"1": Pull([line("a")])})
        path = lake.partition().path
        path.write_bytes(content)
        for look in (
            lambda: land.landed(lake.partition()),
            lambda: land.texts(lake.partition(), "Id"),
        ):
            with pytest.raises(CorruptFile, match=re.escape(str(path))):
                look()

    def test_a_file_that_is_no_parquet_is_set_aside(self, lake: Lake) -> None:
        """It is no landed file any more and can land anew; until then it is listed, with one digest."""
        file = lake.land({"1": Pull([line("a")])})
        path = lake.partition().path
        path.write_bytes(b"no parquet at all")
        assert land.landed_files(lake.home) == []
        before = land.landed_digests(lake.home)
        land.set_aside_unreadable(lake.home)
        assert land.landed_digests(lake.home) == before == {file.path: UNREADABLE_DIGEST}
        [unreadable] = land.unreadable_files(lake.home)
        assert (unreadable.path, unreadable.dataset, unreadable.partition_key) == (
            file.path,
            file.manifest.dataset,
            file.manifest.partition_key,
        )
        assert unreadable.reason == "The file cannot be read as a landed file (ArrowInvalid)."
        [aside] = path.parent.glob("unreadable-*.parquet")
        assert aside.read_bytes() == b"no parquet at all"
        again = lake.land({"1": Pull([line("a")])})
        assert land.unreadable_files(lake.home) == []
        assert land.landed_digests(lake.home) == {again.path: again.digest}

    def test_what_is_sound_is_not_set_aside(self, lake: Lake) -> None:
        """Not a file that landed anew meanwhile, one that may not be read, and one of newer code."""
        old = lake.land({"1": Pull([line("a")])})
        path = lake.partition().path
        lake.land({"1": Pull([line("b")])})
        with pytest.raises(Busy):
            land.set_aside(path, "Its rows are others.", old.digest)
        path.chmod(0)
        if not os.access(path, os.R_OK):  # root reads everything
            with pytest.raises(StorageFailed):
                land.set_aside_unreadable(lake.home)
        path.chmod(0o600)
        metadata = json.loads(pq.read_metadata(path).metadata[FOOTER_KEY.encode()]) | {"new_field": 1}
        table = pq.read_table(path).replace_schema_metadata({FOOTER_KEY: json.dumps(metadata)})
        pq.write_table(table, path)
        with pytest.raises(SettingError, match="another version"):
            land.set_aside_unreadable(lake.home)
        assert path.exists()

    def test_a_footer_without_our_manifest_is_no_landed_file(self, lake: Lake) -> None:
        """A Parquet file of another hand is not taken for ours."""
        path = lake.partition().path
        path.parent.mkdir(parents=True)

        def check(manifest: str | None) -> None:
            table = pa.table({"Id": ["a"]})
            if manifest is not None:
                table = table.replace_schema_metadata({FOOTER_KEY: manifest})
            pq.write_table(table, path)
            with pytest.raises((CorruptFile, SettingError), match=re.escape(str(path))):
                land.landed(lake.partition())

        check_all(check, [None, "{", "[]", "{}", '{"slices": []}', '{"slices": [{"x": 1}]}'])

    def test_a_column_can_be_read(self, lake: Lake) -> None:
        """One column of what is landed, with its nulls, in order."""
        lake.land({"1": Pull([line("a"), line(None), line("b")])})
        assert land.texts(lake.partition(), "Id") == ["a", None, "b"]
