"""Whose rows a landing replaces and whose it keeps, where a customer has several parts, or a request customers."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from pipelines import land
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Merge
from pipelines.errors import UnreadableFile
from pipelines.land.manifest import SliceState
from pipelines.land.merging import _batch_column, _first_times
from pipelines.pages import Proof
from pipelines.periods import MonthState
from tests.unit.land.conftest import CUSTOMERS, DETAIL, FAILED, Pull, line
from tests.unit.matrix import check_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipelines.endpoints.shapes import Dataset
    from pipelines.pages import Page
    from tests.unit.land.conftest import Lake

pytestmark = pytest.mark.usefixtures("no_comparison")

OWN = DATASETS["own_bill_summary"]
USAGE = DATASETS["customer_voucher_usage"]
HISTORY = DATASETS["credit_allocation_history"]
CREDIT = DATASETS["credit_by_uin"]
FILES = DATASETS["customer_bill_detail_files"]
PRODUCT, PROJECT = '{"GroupType":"product"}', '{"GroupType":"project"}'
DIRECT, INDIRECT = '{"CustomerUinType":"Customer"}', '{"CustomerUinType":"ResellerCustomer"}'


def batch(*uins: int) -> str:
    """Return the part of a request for the credit of several customers."""
    return json.dumps({"UinList": uins}, separators=(",", ":"))


def credit(*uins: int, total: str = "1") -> list[dict[str, str]]:
    """Return rows of `credit_by_uin`."""
    return [{"Uin": str(uin), "TotalCredit": total} for uin in uins]


def told(file: land.LandedFile, *names: str) -> list[tuple[Any, ...]]:
    """Some of what the manifest says of each subject."""
    return [tuple(getattr(customer, name) for name in names) for customer in file.manifest.slices]


class TestParts:
    """A customer, or the account, may have several listings in one partition."""

    def test_a_part_that_is_asked_replaces_its_own_rows_only(self, lake: Lake) -> None:
        """Of two parts of the account one is pulled again: the other's rows are carried over."""
        lake.land(
            {
                None: [
                    Pull([{"TotalCost": "1"}], slice_params=PRODUCT),
                    Pull([{"TotalCost": "2"}], slice_params=PROJECT),
                ]
            },
            OWN,
        )
        file = lake.land({None: Pull([{"TotalCost": "3"}], slice_params=PROJECT)}, OWN)
        assert sorted(lake.rows("_slice_params", "TotalCost", dataset=OWN)) == [(PRODUCT, "1"), (PROJECT, "3")]
        assert told(file, "slice_params", "rows", "cost", "carried") == [
            (PRODUCT, 1, "1", True),
            (PROJECT, 1, "3", False),
        ]

    def test_a_failed_part_keeps_its_rows(self, lake: Lake) -> None:
        """A customer's failed part keeps what landed before, the other part of the customer is replaced."""
        five, six = '{"VoucherId":5}', '{"VoucherId":6}'
        rows = {
            "1": [
                Pull([{"Id": "a", "Amount": "1"}], slice_params=five),
                Pull([{"Id": "b", "Amount": "2"}], slice_params=six),
            ]
        }
        lake.land(rows, USAGE)
        again = {
            "1": [Pull(proof=Proof.FAILED, slice_params=five), Pull([{"Id": "c", "Amount": "3"}], slice_params=six)]
        }
        file = lake.land(again, USAGE)
        assert sorted(lake.rows("_slice_params", "Id", dataset=USAGE)) == [(five, "a"), (six, "c")]
        assert told(file, "slice_params", "proof", "rows", "carried") == [
            (five, "failed", 1, True),
            (six, "proven", 1, False),
        ]

    def test_parts_are_told_in_order(self, lake: Lake) -> None:
        """Subjects are sorted by customer, then part."""
        pulls = {"2": Pull(slice_params="b"), "1": [Pull(slice_params="b"), Pull(slice_params="a")]}
        assert told(lake.land(pulls, USAGE), "customer_uin", "slice_params") == [("1", "a"), ("1", "b"), ("2", "b")]

    @pytest.mark.parametrize("state", [MonthState.OPEN, MonthState.ISSUED])
    def test_a_customer_that_changes_hands_has_one_bill(self, lake: Lake, state: Any) -> None:
        """Asked as a reseller's customer where it was asked as a direct one, it does not keep the old rows too."""
        lake.land(
            {"1": Pull([line("a")], slice_params=DIRECT), "2": Pull([line("x")], slice_params=DIRECT)}, FILES, state
        )
        file = lake.land({"1": Pull([line("b")], slice_params=INDIRECT)}, FILES, state)
        assert sorted(lake.rows("_customer_uin", "Id", dataset=FILES)) == [("1", "b"), ("2", "x")]
        assert told(file, "customer_uin", "slice_params", "rows") == [("1", INDIRECT, 1), ("2", DIRECT, 1)]

    def test_a_customer_that_changes_hands_and_fails_keeps_its_bill(self, lake: Lake) -> None:
        """The rows kept stay those of the question that brought them, through more than one failure."""
        lake.land({"1": Pull([line("a")], slice_params=DIRECT)}, FILES)
        for slice_params in (INDIRECT, INDIRECT, DIRECT):
            file = lake.land({"1": Pull(proof=Proof.FAILED, slice_params=slice_params)}, FILES)
        assert lake.rows("Id", "_slice_params", dataset=FILES) == [("a", DIRECT)]
        assert told(file, "slice_params", "rows", "proof", "carried") == [(DIRECT, 1, "failed", True)]

    def test_packs_of_both_kinds_stand_side_by_side(self, lake: Lake) -> None:
        """The account's packs, of its own customers and of its resellers', are two things."""
        packs = DATASETS["customer_bill_detail_packs"]
        lake.land({None: [Pull([line("a")], slice_params=DIRECT), Pull([line("b")], slice_params=INDIRECT)]}, packs)
        lake.land({None: Pull([line("c")], slice_params=INDIRECT)}, packs)
        assert sorted(lake.rows("Id", dataset=packs)) == [("a",), ("c",)]


class TestWhole:
    """A dataset of a day is replaced, but a failure loses nothing of that day."""

    def test_a_failed_subject_keeps_the_rows_of_the_same_day(self, lake: Lake) -> None:
        """In a second snapshot one customer fails: its rows stay, one not asked any more is gone."""
        first = {uin: Pull([{"Credit": uin}]) for uin in ("1", "2", "3")}
        lake.land(first, HISTORY, None)
        file = lake.land({"1": FAILED, "2": Pull([{"Credit": "9"}])}, HISTORY, None)
        assert sorted(lake.rows("_customer_uin", "Credit", dataset=HISTORY)) == [("1", "1"), ("2", "9")]
        assert told(file, "customer_uin", "proof", "rows", "carried") == [
            ("1", "failed", 1, True),
            ("2", "proven", 1, False),
        ]
        assert file.manifest.state == "partial"

    def test_a_failed_list_of_the_account_keeps_the_rows_of_the_same_day(self, lake: Lake) -> None:
        """Rows without a customer are kept too."""
        lake.land({None: Pull([{"CustomerUin": "1"}])}, CUSTOMERS, None)
        file = lake.land({None: FAILED}, CUSTOMERS, None)
        assert lake.rows("CustomerUin", dataset=CUSTOMERS) == [("1",)]
        assert told(file, "rows", "proven_at") == [(1, "2026-11-20T05:00:00+00:00")]

    def test_an_unproven_list_replaces_a_proven_one(self, lake: Lake) -> None:
        """What is newer counts, though less is known of it: a day's list is as of now."""
        lake.land({None: Pull([{"CustomerUin": "1"}])}, CUSTOMERS, None)
        lake.land({None: Pull([{"CustomerUin": "2"}], Proof.UNPROVEN)}, CUSTOMERS, None)
        assert lake.rows("CustomerUin", dataset=CUSTOMERS) == [("2",)]


class TestBatches:
    """Which customers are asked together is no fact about them."""

    def test_every_batched_dataset_says_which_of_the_batch_a_row_is_of(self) -> None:
        """A row's own column names the customer or token; such datasets are replaced whole and have no costs."""

        def check(name: str) -> None:
            dataset = DATASETS[name]
            assert _batch_column(dataset) in dataset.columns
            assert (dataset.merge, dataset.cost, dataset.customer_parameter) == (Merge.WHOLE, None, None)

        batched = [name for name, dataset in DATASETS.items() if dataset.batch > 1]
        assert batched
        check_all(check, batched)

    @pytest.mark.parametrize(
        ("before", "now", "expected", "kept"),
        [
            ([(1, 2, 3)], [((1,), True), ((2,), False), ((3,), True)], {"1": "9", "2": "1", "3": "9"}, [1]),
            ([(1,), (2,), (3,)], [((1, 2, 3), False)], {"1": "1", "2": "1", "3": "1"}, [3]),
            ([(1, 2), (3, 4)], [((1, 2), True), ((3, 4), False)], {"1": "9", "2": "9", "3": "1", "4": "1"}, [2]),
            ([(1, 2), (3, 4)], [((1, 3), False), ((2, 4), True)], {"1": "1", "3": "1", "2": "9", "4": "9"}, [2]),
            ([(1, 2)], [((3, 4), False)], {}, []),
        ],
        ids=["split", "joined", "alike", "mixed", "others"],
    )
    def test_customers_of_a_failed_request_keep_their_rows(
        self, lake: Lake, before: Any, now: Any, expected: Any, kept: Any
    ) -> None:
        """However they were asked before, those that a failed request names keep their rows, once."""
        lake.land({None: [Pull(credit(*uins), slice_params=batch(*uins)) for uins in before]}, CREDIT, None)
        pulls = [
            Pull(credit(*uins, total="9"), slice_params=batch(*uins))
            if fine
            else Pull(proof=Proof.FAILED, slice_params=batch(*uins))
            for uins, fine in now
        ]
        file = lake.land({None: pulls}, CREDIT, None)
        assert sorted(lake.rows("Uin", "TotalCredit", dataset=CREDIT)) == sorted(expected.items())
        assert [customer.rows for customer in file.manifest.slices if customer.carried] == kept
        assert sum(customer.rows for customer in file.manifest.slices) == file.manifest.rows
        again = lake.land({None: [Pull(proof=Proof.FAILED, slice_params=batch(1, 2, 3, 4))]}, CREDIT, None)
        assert sorted(lake.rows("Uin", "TotalCredit", dataset=CREDIT)) == sorted(expected.items())
        assert [customer.rows for customer in again.manifest.slices] == [len(expected)]

    def test_what_is_kept_is_as_far_proven_as_its_weakest_part(self, lake: Lake) -> None:
        """Of rows from two requests the older proof counts, and none if one of them was never proven."""
        partition = lake.partition(CREDIT, state=None)
        pulls = {None: [Pull(credit(1), slice_params=batch(1)), Pull(credit(2), slice_params=batch(2))]}
        pulled = lake.pulled(CREDIT, pulls)
        later = replace(pulled.results[1], proven_at=pulled.requested_from)
        land.land(partition, replace(pulled, results=[pulled.results[0], later]))
        file = lake.land({None: Pull(proof=Proof.FAILED, slice_params=batch(1, 2))}, CREDIT, None)
        assert told(file, "proven_at") == [(pulled.requested_from.isoformat(),)]
        pulls[None][0] = Pull(credit(1), Proof.UNPROVEN, slice_params=batch(1))
        lake.land(pulls, CREDIT, None)
        file = lake.land({None: Pull(proof=Proof.FAILED, slice_params=batch(1, 2))}, CREDIT, None)
        assert told(file, "proven_at") == [(None,)]


@pytest.mark.parametrize(("dataset", "rows"), [(DETAIL, [("a",)]), (CUSTOMERS, [])], ids=["by customer", "whole"])
def test_nothing_asked_still_lands(lake: Lake, dataset: Dataset, rows: Any) -> None:
    """A pull of nobody lands: bills are all carried over, a day's list is empty."""
    uin, row = ("1", line("a")) if dataset is DETAIL else (None, {"CustomerUin": "1"})
    lake.land({uin: Pull([row])}, dataset)
    file = lake.land({}, dataset)
    assert lake.rows(dataset.columns[0] if dataset is CUSTOMERS else "Id", dataset=dataset) == rows
    assert (file.manifest.rows, file.manifest.state) == (len(rows), "whole")


class TestFirst:
    """When a customer's rows first landed, and first since the month's bill was out."""

    def test_the_first_landing_that_came_is_kept(self, lake: Lake) -> None:
        """A failure is no landing; later ones do not move it; after the close the first of them is told besides."""
        times = "first_landed_at", "first_issued_at"
        five, six, eight = (f"2026-11-20T0{hour}:00:00+00:00" for hour in (5, 6, 8))
        assert told(lake.land({"1": Pull([line("a")]), "2": FAILED}), *times) == [(five, None), (None, None)]
        assert told(lake.land({"1": FAILED, "2": Pull()}), *times) == [(five, None), (six, None)]
        assert told(lake.land({"1": FAILED}, state=MonthState.ISSUED), *times) == [(five, None), (six, None)]
        for cost in "1", "2":
            last = lake.land({"1": Pull([line("a", cost)]), "2": FAILED}, state=MonthState.ISSUED)
            assert told(last, *times) == [(five, eight), (six, None)]

    def test_of_rows_that_landed_before_this_was_kept_the_proof_tells(self) -> None:
        """An old manifest has no such times: rows are as old as their proof at least."""
        old = SliceState("1", 1, 1, "1", "proven", "2026-11-06T04:00:00+00:00", proven_issued=True)
        assert _first_times(old) == (old.proven_at, old.proven_at)
        assert _first_times(replace(old, proven_issued=False)) == (old.proven_at, None)
        assert _first_times(None) == (None, None)


class TestMoved:
    """When a customer's rows last became other ones."""

    def test_equal_pulls_do_not_move_a_customer(self, lake: Lake) -> None:
        """A pull that brings the same keeps the time of the first one; another digest moves it."""
        lake.land({"1": Pull([line("a")]), "2": Pull([line("b")])})
        file = lake.land({"1": Pull([line("a")]), "2": Pull([line("c")])})
        first, second = file.manifest.slices
        assert (first.changed_at, second.changed_at) == ("2026-11-20T05:00:00+00:00", "2026-11-20T06:00:00+00:00")
        assert first.digest == lake.pulled(DETAIL, {"1": Pull([line("a")])}).results[0].digest
        assert first.digest != second.digest

    def test_rows_that_are_kept_have_not_moved(self, lake: Lake) -> None:
        """A failure and a customer nobody asked keep digest and time, so that the same rows after it are no move."""
        lake.land({"1": Pull([line("a")]), "2": Pull([line("b")])})
        before = told(lake.land({"1": FAILED}), "digest", "changed_at")
        file = lake.land({"1": Pull([line("a")]), "2": Pull([line("b")])})
        assert told(file, "digest", "changed_at") == before
        assert {changed for _, changed in before} == {"2026-11-20T05:00:00+00:00"}

    def test_a_customer_that_never_came_has_not_moved(self, lake: Lake) -> None:
        """A first pull that fails has no time; the first that comes has its own."""
        assert told(lake.land({"1": FAILED}), "digest", "changed_at") == [("", None)]
        assert told(lake.land({"1": Pull()}), "changed_at") == [("2026-11-20T06:00:00+00:00",)]

    def test_rows_that_were_refused_for_older_ones_have_not_moved(self, lake: Lake) -> None:
        """Where proven rows stand against unproven ones, digest and time are those of the rows that are here."""
        before = told(lake.land({"1": Pull([line("a")])}, state=MonthState.ISSUED), "digest", "changed_at")
        file = lake.land({"1": Pull([line("b")], Proof.UNPROVEN)}, state=MonthState.ISSUED)
        assert told(file, "digest", "changed_at") == before

    def test_it_is_kept_who_is_whose(self, lake: Lake) -> None:
        """A customer is the account's own or of a reseller; without word of it all are its own."""
        pulls = {"1": Pull([line("a")]), "2": Pull([line("b")])}
        assert told(lake.land(pulls, direct=["1"]), "customer_uin", "direct") == [("1", True), ("2", False)]
        assert told(lake.land({"1": Pull()}), "customer_uin", "direct") == [("1", True), ("2", False)]
        assert told(lake.land({None: Pull()}, CUSTOMERS, None, direct=["1"]), "direct") == [(True,)]

    def test_one_that_is_on_no_list_any_more_is_whose_it_was(self, lake: Lake) -> None:
        """A reseller's customer that left stays a reseller's; one that was never seen before is not the account's."""
        lake.land({"1": Pull(), "2": Pull()}, direct=["1"])
        file = lake.land({"1": Pull(), "2": Pull(), "3": Pull()}, listed=[], direct=[])
        assert told(file, "customer_uin", "direct") == [("1", True), ("2", False), ("3", False)]


class TestFiles:
    """Of a downloaded file, rows and cost are known when it is read."""

    def test_rows_and_costs_are_counted_by_subject(self, lake: Lake) -> None:
        """Each subject has the rows and the exact cost of its pages, in whatever currency, and no expected rows."""
        rows = [line("a", "0.10"), line("b", "98765432109876543210.00000001"), line("c", "-", Currency="CNY")]
        pulls = {
            "1": Pull(rows, slice_params=DIRECT),
            "2": Pull(slice_params=DIRECT),
            "3": Pull(proof=Proof.FAILED, slice_params=DIRECT),
        }
        file = lake.land(pulls, FILES)
        assert told(file, "rows", "cost", "expected_rows") == [
            (3, "98765432109876543210.10000001", None),
            (0, "0", None),
            (0, None, None),
        ]
        assert file.manifest.rows == 3
        assert Decimal(file.manifest.costs["USD"]) == Decimal("98765432109876543210.10000001")
        land.verify(lake.partition(FILES).path, file.manifest, FILES)

    def test_a_failed_file_keeps_its_rows(self, lake: Lake) -> None:
        """A link that could not be had keeps the rows, their count and cost."""
        lake.land({"1": Pull([line("a", "1.50")], slice_params=DIRECT)}, FILES)
        file = lake.land({"1": Pull(proof=Proof.FAILED, slice_params=DIRECT)}, FILES)
        assert told(file, "rows", "cost", "carried") == [(1, "1.50", True)]

    def test_a_file_that_cannot_be_read_lands_nothing(self, lake: Lake) -> None:
        """Found in the middle, it leaves file, change log and drift as they were, and is told to who landed it."""
        lake.land({"1": Pull([line("a")], slice_params=DIRECT)}, FILES)
        before = {name: (lake.home / name).read_bytes() for name in lake.files()}
        pulled = lake.pulled(
            FILES, {"1": Pull([line("b")], slice_params=DIRECT), "2": Pull([line("c")], slice_params=DIRECT)}
        )

        def broken(pages: Sequence[Page]) -> Iterator[Page]:
            yield from pages[:1]
            raise UnreadableFile("It is no table.", customer_uin="2", slice_params=DIRECT)

        with pytest.raises(UnreadableFile) as failure:
            land.land(lake.partition(FILES), replace(pulled, pages=broken(list(pulled.pages))))
        assert (failure.value.customer_uin, failure.value.slice_params) == ("2", DIRECT)
        assert {name: (lake.home / name).read_bytes() for name in lake.files()} == before


def test_a_manifest_says_nothing_of_what_is_as_mostly(lake: Lake) -> None:
    """Of thousands of customers it keeps what differs from the usual, and reads back as the same."""
    file = lake.land({"1": Pull([line("a")]), "2": FAILED})
    said = [set(customer) for customer in json.loads(file.manifest.to_json())["slices"]]
    assert said[0] == {
        "customer_uin",
        "rows",
        "expected_rows",
        "cost",
        "proof",
        "proven_at",
        "digest",
        "changed_at",
        "first_landed_at",
    }
    assert said[1] >= {"reason", "code", "request_id"}
    assert land.read_manifest(lake.partition().path) == file.manifest


def test_digests_are_read_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of a landed file is the manifest's; it is read again only when the file is another."""
    first = lake.land({"1": Pull([line("a")])})
    assert land.landed_digests(lake.home) == {first.path: first.digest}
    reads: defaultdict[str, int] = defaultdict(int)
    read = land.read_manifest

    def counted(path: Any) -> land.Manifest:
        reads[path.name] += 1
        return read(path)

    monkeypatch.setattr("pipelines.land.manifest.read_manifest", counted)
    assert land.landed_digests(lake.home) == {first.path: first.digest}
    assert reads == {}
    second = lake.land({"1": Pull([line("b")])})
    reads.clear()
    assert land.landed_digests(lake.home) == {second.path: second.digest}
    assert reads == {"data.parquet": 1}
    assert first.digest != second.digest
