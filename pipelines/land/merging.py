"""Which rows a landing replaces and which it carries over from the file landed before.

A slice that was pulled replaces its rows; a slice whose pull failed keeps those landed before. Slices that were not
requested keep their rows in a dataset that is merged by slice, and lose them in one that is replaced whole.

Requests for batches of customers need care: which customers share a request can differ from pull to pull. So rows
are carried over for each customer that a failed request names, whichever request they came from before.
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
    """Result of a pull, to be landed in one partition: a result per slice, and the pages with their rows."""

    results: Sequence[SliceResult]
    pages: Iterable[Page]
    """The pages of all slices, each slice's in order."""
    listed: frozenset[str]
    """Customers on the account's lists."""
    requested_from: datetime
    """When the pull began, in UTC."""
    requested_to: datetime
    """When the pull ended, in UTC."""
    code_version: str
    run_id: str
    direct: frozenset[str] | None = None
    """Customers on the lists that are the account's own; None: all of them."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Content of a new file: the state of every slice, and which old rows are carried over to it."""

    slices: tuple[SliceState, ...]
    """In the order of the rows: by customer and `slice_params`."""
    kept: Mapping[str, Slice]
    """The slice of each old row that is carried over, by its key in `row_keys`."""


def merge(dataset: Dataset, old: Manifest | None, pulled: Pulled, *, issued: bool) -> Merged:
    """Decide for every slice whether the new file holds the rows pulled now or those landed before.

    `issued`: the month's bill is issued. Then rows proven since are not replaced by newer ones that are not proven.
    """
    before = {_replaced_slice(dataset, state.slice): state for state in (old.slices if old else ())}
    results = [(result, _replaced_slice(dataset, result.slice)) for result in pulled.results]
    states = [
        _new_state(result, _state_before(dataset, before, slice_), pulled, issued=issued) for result, slice_ in results
    ]
    if dataset.merge is Merge.BY_SLICE:
        not_requested = before.keys() - {slice_ for _, slice_ in results}
        states += [replace(before[slice_], carried=True) for slice_ in not_requested]
    states.sort(key=lambda state: (state.customer_uin or "", state.slice_params))
    kept = {key: state.slice for state in states if state.carried for key in _keys(dataset, state.slice)}
    return Merged(tuple(states), kept)


def row_keys(dataset: Dataset, rows: pa.RecordBatch) -> pa.Array:
    """Return the key of every landed row, as in `Merged.kept`: its slice, or in a batch the member that it is of."""
    if column := _batch_column(dataset):
        return pc.fill_null(rows.column(column), "")
    customers = pc.fill_null(rows.column("_customer_uin"), "")
    return pc.binary_join_element_wise(customers, pc.fill_null(rows.column("_slice_params"), ""), "\n")


def _keys(dataset: Dataset, slice_: Slice) -> list[str]:
    if _batch_column(dataset):
        return sorted(_batch(dataset, slice_))
    return [f"{slice_.customer_uin or ''}\n{slice_.slice_params}"]


def _batch_column(dataset: Dataset) -> str | None:
    """Return the column that names the member of a batch that a row is of, such as `Uin` for the parameter `UinList`.

    Return None if the dataset is not requested in batches.
    """
    if dataset.batch == 1 or dataset.slice_by_parameter is None:
        return None
    return next(name for name in dataset.columns if dataset.slice_by_parameter.startswith(name))


def _batch(dataset: Dataset, slice_: Slice) -> set[str]:
    """Return the members of a slice that is a batch."""
    return set(map(str, slice_.parameters.get(dataset.slice_by_parameter or "", ())))


def _replaced_slice(dataset: Dataset, slice_: Slice) -> Slice:
    """Return the slice without its customer kind: a customer has one bill, whether direct or a reseller's."""
    if dataset.kind_parameter is None or slice_.customer_uin is None:
        return slice_
    parameters = {name: value for name, value in slice_.parameters.items() if name != dataset.kind_parameter}
    return Slice.of(slice_.customer_uin, parameters)


def _state_before(dataset: Dataset, before: Mapping[Slice, SliceState], slice_: Slice) -> SliceState | None:
    """Return the state of a slice that landed before, None if it never did.

    If its customers landed in other batches before, return a state that is proven as far as the least proven of those.
    """
    if slice_ in before or _batch_column(dataset) is None:
        return before.get(slice_)
    batch = _batch(dataset, slice_)
    overlapping = [state for other, state in before.items() if batch & _batch(dataset, other)]
    if not overlapping:
        return None
    times = [state.proven_at for state in overlapping if state.proven_at]
    return SliceState(
        customer_uin=slice_.customer_uin,
        slice_params=slice_.slice_params,
        rows=0,  # counted as they are carried over
        expected_rows=None,
        cost=None,
        proof=Proof.UNPROVEN.value,
        proven_at=min(times) if len(times) == len(overlapping) else None,
    )


def _is_direct(result: SliceResult, before: SliceState | None, pulled: Pulled) -> bool:
    """Whether a customer is the account's own, or was when it was last on a list."""
    if result.customer_uin is None or pulled.direct is None:
        return True
    if before is not None and result.customer_uin not in pulled.listed:
        return before.direct
    return result.customer_uin in pulled.direct


def _first_times(before: SliceState | None) -> tuple[str | None, str | None]:
    """Return when a slice first landed, and when first after its bill was issued; None if it has not.

    A batch with other members than before has no such times: the time when its rows were proven stands for them.
    """
    if before is None:
        return None, None
    return (
        before.first_landed_at or before.proven_at,
        before.first_issued_at or (before.proven_at if before.proven_issued else None),
    )


def _new_state(result: SliceResult, before: SliceState | None, pulled: Pulled, *, issued: bool) -> SliceState:
    """Return the new state of a slice that was requested, from its result and its state before."""
    is_same = before is not None and result.digest != "" and result.digest == before.digest
    # A first pull without cost is not a change, so that at the start of a day not every customer seems to have changed.
    is_nothing = result.proof is Proof.FAILED or (before is None and result.cost == 0)
    requested_to = None if is_nothing else pulled.requested_to.isoformat()
    landed_at, issued_at = _first_times(before)
    if result.proof is not Proof.FAILED:
        landed_at = landed_at or pulled.requested_to.isoformat()
        issued_at = issued_at or (pulled.requested_to.isoformat() if issued else None)
    new = SliceState(
        customer_uin=result.customer_uin,
        slice_params=result.slice_params,
        rows=result.rows,
        expected_rows=result.expected_rows,
        cost=None if result.cost is None else format(result.cost, "f"),
        proof=result.proof.value,
        proven_at=result.proven_at.isoformat() if result.proven_at else None,
        reason=result.reason,
        code=result.code,
        request_id=result.request_id,
        listed=result.customer_uin is None or result.customer_uin in pulled.listed,
        direct=_is_direct(result, before, pulled),
        proven_issued=issued and result.proof is Proof.PROVEN,
        digest=result.digest,
        changed_at=before.changed_at if before and is_same else requested_to,
        first_landed_at=landed_at,
        first_issued_at=issued_at,
    )
    if before is None or result.proof is Proof.PROVEN:
        return new
    if result.proof is Proof.UNPROVEN and not (issued and before.proven_issued):
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
