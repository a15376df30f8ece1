"""Every dataset of the catalogue, against the sandbox: as the official SDK sees it, and whatever goes wrong on the way.

A dataset that is added to the catalogue is covered by being added.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
import stamina
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.intlpartnersmgt.v20220928 import models
from tencentcloud.intlpartnersmgt.v20220928.intlpartnersmgt_client import IntlpartnersmgtClient

from pipelines import paths
from pipelines.endpoints import DATASETS
from pipelines.extract import fetching
from pipelines.sandbox import Fault, Faults, Sandbox, World
from tests.integration.conftest import NOW
from tests.integration.office import KEYS, PRINCIPALS, Office, role_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.land import SliceState

WORLD = World(customers=4, lines=900, largest=520)
LOUD = ("throttling", "internal_error", "service_busy", "reset", "bad_gateway", "truncated")
every_dataset = pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for no file, and between two attempts for nothing."""
    monkeypatch.setattr(fetching, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(fetching, "LONGEST_WAIT", 0.01)
    with stamina.set_testing(testing=True, attempts=12):
        yield


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small world without limits, with an account for each role."""
    with Sandbox(PRINCIPALS.values(), WORLD, now=NOW, limits=False) as running:
        yield running


@every_dataset
def test_the_official_sdk_and_the_pipeline_see_the_same(dataset: Dataset, sandbox: Sandbox, tmp_path: Path) -> None:
    """Row by row and field by field, of every subject that was asked about."""
    office = Office(sandbox, tmp_path, role_for(dataset))
    manifest = office.land(dataset)
    assert manifest.state == "whole"
    assert manifest.slices, "the world has something of every dataset to ask about"
    if dataset.file:
        folder = paths.files_folder(tmp_path, dataset.name)
        links = {hashlib.sha256(_download(sandbox, office, dataset, one)).hexdigest() for one in manifest.slices}
        assert links == {path.name for path in folder.iterdir()} == {row["_file"][:64] for row in office.rows(dataset)}
        return
    asked = partial(_sdk_rows, sandbox, office, dataset)
    expected = [(one.customer_uin, one.slice_params or None, row) for one in manifest.slices for row in asked(one)]
    landed = [
        (row["_customer_uin"], row["_slice_params"], row)
        for row in sorted(office.rows(dataset), key=lambda row: (row["_page"], row["_position"]))
    ]
    assert len(landed) == len(expected) == manifest.rows > 0
    for one in {(customer, slice_params) for customer, slice_params, _ in expected}:
        ours = [row for customer, slice_params, row in landed if (customer, slice_params) == one]
        theirs = [row for customer, slice_params, row in expected if (customer, slice_params) == one]
        for mine, given in zip(ours, theirs, strict=True):
            assert set(dataset.columns) == set(given), "the SDK knows the same fields"
            assert {name: (mine[name], given[name]) for name in given if not _alike(mine[name], given[name])} == {}


@every_dataset
def test_a_dataset_survives_faults_with_nothing_lost_or_doubled(
    dataset: Dataset, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Each fault hits its action several times; what is landed in the end is what an undisturbed run lands."""
    calm = Office(sandbox, tmp_path / "calm", role_for(dataset))
    calm.land(dataset)
    loud = {name: Fault(actions=(dataset.action.name,), times=2) for name in LOUD}
    sandbox.faults = Faults(**loud, moving=Fault(pages=(1,), times=1))
    rough = Office(sandbox, tmp_path / "rough", role_for(dataset))
    before = [
        DATASETS[name]
        for name in (dataset.requested_if_cost, dataset.requested_if_rows, dataset.reconciled_with)
        if name
    ]
    for attempt in range(6):
        outcomes = rough.refresh([*before, dataset], KEYS[dataset.partition], f"run {attempt}")
        of_it = [outcome for outcome in outcomes if outcome.dataset == dataset]
        if all(outcome.file and outcome.file.manifest.state == "whole" for outcome in of_it):
            break
    sandbox.faults = Faults()
    assert rough.land(dataset, "last").state == "whole"
    assert set(LOUD) <= _statistics(sandbox)[dataset.action.name]["faults"].keys()
    assert _content(rough, dataset) == _content(calm, dataset)


def _content(office: Office, dataset: Dataset) -> list[str]:
    """What a dataset says, whatever page a row stood on."""
    rows = [
        {name: row[name] for name in ("_customer_uin", "_slice_params", *dataset.columns)}
        for row in office.rows(dataset)
    ]
    return sorted(json.dumps(row, ensure_ascii=False) for row in rows)


def _statistics(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    with urlopen(f"{sandbox.url}/statistics") as answer:
        found: dict[str, dict[str, Any]] = json.load(answer)
    return found


def _client(sandbox: Sandbox, office: Office) -> IntlpartnersmgtClient:
    principal = PRINCIPALS[office.role]
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=sandbox.url.removeprefix("http://")))
    return IntlpartnersmgtClient(Credential(principal.secret_id, principal.secret_key), "", profile)


def _ask(sandbox: Sandbox, office: Office, dataset: Dataset, one: SliceState, **paged: int) -> dict[str, Any]:
    """Ask with the SDK's own request and response classes."""
    parameters = {**dataset.fixed, **(json.loads(one.slice_params) if one.slice_params else {}), **paged}
    if dataset.key_parameter:
        parameters[dataset.key_parameter] = str(KEYS[dataset.partition])
    if dataset.span_parameters:
        start, end = dataset.span_parameters
        parameters |= {start: "2026-10-01 00:00:00", end: "2026-10-31 23:59:59"}
    if dataset.customer_parameter and one.customer_uin:
        parameters[dataset.customer_parameter] = int(one.customer_uin)
    name = dataset.action.name
    request = getattr(models, f"{name}Request")()
    request._deserialize({key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items()})
    reply = getattr(_client(sandbox, office), name)(request)
    found: dict[str, Any] = json.loads(reply.to_json_string())
    return found


def _sdk_rows(sandbox: Sandbox, office: Office, dataset: Dataset, one: SliceState) -> list[dict[str, Any]]:
    paging, rows = dataset.action.paging, []
    for number in range(1, 1000):
        paged = {"Page": number, "PageSize": paging.size} if paging else {}
        reply = _ask(sandbox, office, dataset, one, **paged)
        member = dataset.action.rows
        found = (
            {name: value for name, value in reply.items() if name != "RequestId"} if member is None else reply[member]
        )
        page = [found] if isinstance(found, dict) else found or []
        rows += page
        if not paging or len(page) < paging.size:
            break
    return [{name: row.get(name) for name in dataset.columns} for row in rows]


def _download(sandbox: Sandbox, office: Office, dataset: Dataset, one: SliceState) -> bytes:
    for _ in range(5):
        if url := _ask(sandbox, office, dataset, one)["DownloadUrl"]:
            with urlopen(url) as answer:
                return bytes(answer.read())
    raise AssertionError("the file was never ready")


def _alike(landed: str | None, given: Any) -> bool:
    """Tell whether a landed text is what the SDK made of the same answer; it makes doubles of numbers."""
    if isinstance(given, dict | list):
        return landed is not None and _alike_inside(json.loads(landed), given)
    return _alike_inside(landed, given)


def _alike_inside(landed: Any, given: Any) -> bool:
    if isinstance(given, list):
        return isinstance(landed, list) and all(map(_alike_inside, landed, given)) and len(landed) == len(given)
    if isinstance(given, dict):
        return isinstance(landed, dict) and all(_alike_inside(landed.get(name), value) for name, value in given.items())
    if given is None or landed is None:
        return landed is given
    if isinstance(given, bool):
        return landed == str(given).lower() or landed is given
    if isinstance(given, float):
        return float(landed) == given
    return str(landed) == str(given)
