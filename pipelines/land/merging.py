"""Whose rows a landing replaces and whose it keeps; how well they are proven is said before (`pages.SliceResult`).

A subject asked now replaces its rows; one that failed keeps those landed before. In a dataset that is merged by
customer the subjects that nobody asked keep theirs too; in one that is replaced whole they go. Which customers came in
one request is no fact about any of them: those that a failed request names keep their rows, whatever request these
came by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from pipelines.endpoints.shapes import Merge
from pipelines.land.manifest import SliceState
from pipelines.pages import Proof, Slice, SliceResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from pipelines.endpoints.shapes import Dataset
    from pipelines.land.manifest import Manifest
    from pipelines.pages import Page


@dataclass(frozen=True, slots=True)
class Pulled:
    """What extract hands over for one target: an outcome per subject, their pages in order, the window of asking.

    `listed` are the customers on the account's list, `direct` those of them that are its own (None: all).
    """

    results: Sequence[SliceResult]
    pages: Iterable[Page]
    listed: frozenset[str]
    requested_from: datetime
    requested_to: datetime
    code_version: str
    run_id: str
    direct: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What the new file holds: every subject in order, and whose the old rows are that stay, by their `row_keys`."""

    slices: tuple[SliceState, ...]
    kept: Mapping[str, Slice]


def merge(dataset: Dataset, old: Manifest | None, pulled: Pulled, *, issued: bool) -> Merged:
    """Say for every subject whose rows the new file holds: those pulled now or those landed before.

    `issued`: the month's bill is out. Rows proven since stand against newer ones that could not be proven.
    """
    before = {_place(dataset, slice_.slice): slice_ for slice_ in (old.slices if old else ())}
    asked = [(pull, _place(dataset, pull.slice)) for pull in pulled.results]
    customers = [_landed(pull, _former(dataset, before, place), pulled, issued=issued) for pull, place in asked]
    if dataset.merge is Merge.BY_SLICE:
        left = before.keys() - {place for _, place in asked}
        customers += [replace(before[place], carried=True) for place in left]
    customers.sort(key=lambda slice_: (slice_.customer_uin or "", slice_.slice_params))
    kept = {key: slice_.slice for slice_ in customers if slice_.carried for key in _keys(dataset, slice_.slice)}
    return Merged(tuple(customers), kept)


def row_keys(dataset: Dataset, rows: pa.RecordBatch) -> pa.Array:
    """Tell of every landed row whose it is: one of a batch, or a subject, as `Merged.kept` spells them."""
    if column := _batched_by(dataset):
        return pc.fill_null(rows.column(column), "")
    customers = pc.fill_null(rows.column("_customer_uin"), "")
    if "_slice_params" not in rows.schema.names:  # landed before rows said so, when no subject had a part
        return pc.binary_join_element_wise(customers, "", "\n")
    return pc.binary_join_element_wise(customers, pc.fill_null(rows.column("_slice_params"), ""), "\n")


def _keys(dataset: Dataset, slice_: Slice) -> list[str]:
    if _batched_by(dataset):
        return sorted(_batch(dataset, slice_))
    return [f"{slice_.customer_uin or ''}\n{slice_.slice_params}"]


def _batched_by(dataset: Dataset) -> str | None:
    """Return the column that says which of a batch a row is of: `Uin` of `UinList`; None if requests take one each."""
    if dataset.batch == 1 or dataset.slice_by_parameter is None:
        return None
    return next(name for name in dataset.columns if dataset.slice_by_parameter.startswith(name))


def _batch(dataset: Dataset, slice_: Slice) -> set[str]:
    return set(map(str, slice_.parameters.get(dataset.slice_by_parameter or "", ())))


def _place(dataset: Dataset, slice_: Slice) -> Slice:
    """Return what a subject's rows take the place of: a customer has one bill, direct or of a reseller."""
    if dataset.kind_parameter is None or slice_.customer_uin is None:
        return slice_
    parameters = {name: value for name, value in slice_.parameters.items() if name != dataset.kind_parameter}
    return Slice.of(slice_.customer_uin, parameters)


def _former(dataset: Dataset, before: Mapping[Slice, SliceState], slice_: Slice) -> SliceState | None:
    """Return what landed before of a subject; of a batch asked otherwise before, as far proven as its weakest part."""
    if slice_ in before or _batched_by(dataset) is None:
        return before.get(slice_)
    batch = _batch(dataset, slice_)
    parts = [slice_ for other, slice_ in before.items() if batch & _batch(dataset, other)]
    if not parts:
        return None
    times = [slice_.proven_at for slice_ in parts if slice_.proven_at]
    return SliceState(
        customer_uin=slice_.customer_uin,
        slice_params=slice_.slice_params,
        rows=0,  # counted as they are carried over
        expected_rows=None,
        cost=None,
        proof=Proof.UNPROVEN.value,
        proven_at=min(times) if len(times) == len(parts) else None,
    )


def _is_direct(pull: SliceResult, before: SliceState | None, pulled: Pulled) -> bool:
    """Tell whether a customer is the account's own; of one that is on no list any more, whether it was."""
    if pull.customer_uin is None or pulled.direct is None:
        return True
    if before is not None and pull.customer_uin not in pulled.listed:
        return before.direct
    return pull.customer_uin in pulled.direct


def _first(before: SliceState | None) -> tuple[str | None, str | None]:
    """Tell when something of a subject first landed, and first since the close; where not kept, as of its rows."""
    if before is None:
        return None, None
    return (
        before.first_landed_at or before.proven_at,
        before.first_issued_at or (before.proven_at if before.proven_issued else None),
    )


def _landed(pull: SliceResult, before: SliceState | None, pulled: Pulled, *, issued: bool) -> SliceState:
    same = before is not None and pull.digest != "" and pull.digest == before.digest
    # A first pull that costs nothing is no change: so a day that begins does not look as if everyone had spent.
    is_nothing = pull.proof is Proof.FAILED or (before is None and pull.cost == 0)
    requested_to = None if is_nothing else pulled.requested_to.isoformat()
    landed_at, issued_at = _first(before)
    if pull.proof is not Proof.FAILED:
        landed_at = landed_at or pulled.requested_to.isoformat()
        issued_at = issued_at or (pulled.requested_to.isoformat() if issued else None)
    new = SliceState(
        customer_uin=pull.customer_uin,
        slice_params=pull.slice_params,
        rows=pull.rows,
        expected_rows=pull.expected_rows,
        cost=None if pull.cost is None else format(pull.cost, "f"),
        proof=pull.proof.value,
        proven_at=pull.proven_at.isoformat() if pull.proven_at else None,
        reason=pull.reason,
        code=pull.code,
        request_id=pull.request_id,
        listed=pull.customer_uin is None or pull.customer_uin in pulled.listed,
        direct=_is_direct(pull, before, pulled),
        proven_issued=issued and pull.proof is Proof.PROVEN,
        digest=pull.digest,
        changed_at=before.changed_at if before and same else requested_to,
        first_landed_at=landed_at,
        first_issued_at=issued_at,
    )
    if before is None or pull.proof is Proof.PROVEN:
        return new
    if pull.proof is Proof.UNPROVEN and not (issued and before.proven_issued):
        return new
    return replace(
        new,
        slice_params=before.slice_params,
        rows=before.rows,
        expected_rows=before.expected_rows if new.expected_rows is None else new.expected_rows,
        cost=before.cost,
        proven_at=before.proven_at,
        proven_issued=before.proven_issued,
        digest=before.digest,
        changed_at=before.changed_at,
        carried=True,
    )
