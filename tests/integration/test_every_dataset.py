"""Every role and dataset of the catalogue, against the sandbox: within rights and limits, as the official SDK sees it,
and whatever goes wrong on the way.

A dataset that is added to the catalogue is covered by being added.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
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

from pipelines import land, paths
from pipelines.endpoints import ACTIONS, DATASETS
from pipelines.endpoints.profile import datasets_for
from pipelines.endpoints.shapes import PartitionKind, Role
from pipelines.extract import fetching
from pipelines.land import landed_files
from pipelines.periods import BillMonth
from pipelines.publish import build_and_publish, release
from pipelines.sandbox import Fault, Faults, Sandbox, World, gateway
from pipelines.sandbox.faults import Dice
from tests.integration import projects
from tests.integration.conftest import NOW
from tests.integration.office import KEYS, PRINCIPALS, Office, profile, role_for
from tests.shared import copy, shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines import refresh
    from pipelines.endpoints.shapes import Dataset
    from pipelines.land import SliceState
    from pipelines.sandbox.faults import FaultTarget

WORLD = World(customers=3, lines=700, largest=520)
LOUD = ("throttling", "internal_error", "service_busy", "reset", "bad_gateway", "truncated")
every_role = pytest.mark.parametrize("role", Role)
every_dataset = pytest.mark.parametrize("role", sorted({role_for(dataset) for dataset in DATASETS.values()}))
"""By the roles that are asked for all of them."""


def refresh_all(office: Office, run: str = "run", *, running: bool = False) -> list[refresh.Outcome]:
    """Refresh all that a role is asked for: snapshots, a day, a closed month and, if told so, the running one."""
    keys = [*KEYS.items(), *([(PartitionKind.BILL_MONTH, BillMonth("2026-11"))] if running else [])]
    outcomes = []
    for kind, key in keys:
        if wanted := [dataset for dataset in office.datasets if dataset.partition is kind]:
            outcomes += office.refresh(wanted, key, f"{run} {key}")
    return outcomes


@pytest.fixture
def landed(role: Role, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home in which a role landed everything at the real limits, with what came of it in `told.json`."""

    def make(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patch, Sandbox(PRINCIPALS.values(), WORLD, now=NOW) as sandbox:
            patch.setattr(fetching, "FIRST_WAIT", 0.2)
            outcomes = refresh_all(Office(sandbox, home, role, paced=True), running=True)
            told = {
                "errors": [str(outcome.error) for outcome in outcomes if outcome.error],
                "states": sorted({outcome.file.manifest.state for outcome in outcomes if outcome.file}),
                "counts": sandbox.statistics(),
            }
        (home / "told.json").write_text(json.dumps(told))

    return shared(tmp_path_factory, role, make)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve the same world without limits."""
    with Sandbox(PRINCIPALS.values(), WORLD, now=NOW, limits=False) as running:
        yield running


@every_role
def test_a_roles_months_and_snapshots_land_within_its_rights_and_limits(
    role: Role, landed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything the role may ask lands whole, closed and open month, and a release of it is complete and agrees."""
    told = json.loads((landed / "told.json").read_text())
    asked = list(datasets_for(profile(role, WORLD), DATASETS.values()))
    assert told["errors"] == []
    assert told["states"] == ["whole"]
    assert {file.manifest.dataset for file in landed_files(landed)} == {dataset.name for dataset in asked}
    assert {dataset.action.name for dataset in asked} == told["counts"].keys()
    assert not any(ACTIONS[action].writes for action in told["counts"])
    for action, count in told["counts"].items():
        assert count["ok"] == count["requests"], f"{action} was refused, throttled or broken: {count}"
        assert count["peak_per_second"] <= ACTIONS[action].limit
    monkeypatch.setattr(release, "read_project", projects.reduced)  # what these flags are made of
    made = build_and_publish(copy(landed, tmp_path / "home"), now=NOW, code_version="test")
    assert made
    assert (made.is_complete, made.is_reconciled) == (True, True)


def test_every_dataset_is_asked_by_some_role() -> None:
    """No dataset is out of everyone's reach, so every one is seen by the SDK below."""
    assert all(set(dataset.action.roles) & set(Role) for dataset in DATASETS.values())


@every_dataset
def test_the_official_sdk_and_the_pipeline_see_the_same(role: Role, landed: Path, sandbox: Sandbox) -> None:
    """Row by row and field by field, of every subject that was asked about."""
    office = Office(sandbox, landed, role)
    found = {d.name: _differences(office, d) for d in DATASETS.values() if role_for(d) is role}
    assert {name: what for name, what in found.items() if what} == {}


def _differences(office: Office, dataset: Dataset) -> list[Any]:
    """Tell where a landed dataset is not what the SDK reads."""
    manifest = land.read_manifest(office.path(dataset))
    if manifest.state != "whole" or not manifest.slices:
        return [manifest.state, "the world has something of every dataset to ask about"]
    if dataset.file:
        kept = {path.name for path in paths.files_folder(office.home, dataset.name).iterdir()}
        links = {hashlib.sha256(_download(office, dataset, one)).hexdigest() for one in manifest.slices}
        named = {row["_file"][:64] for row in office.rows(dataset)}
        return [] if links == named <= kept else [links, named, kept]
    asked = partial(_sdk_rows, office, dataset)
    expected = [(one.customer_uin, one.slice_params or None, row) for one in manifest.slices for row in asked(one)]
    landed = [
        (row["_customer_uin"], row["_slice_params"], row)
        for row in sorted(office.rows(dataset), key=lambda row: (row["_page"], row["_position"]))
    ]
    if not len(landed) == len(expected) == manifest.rows > 0:
        return [len(landed), len(expected), manifest.rows]
    found: list[Any] = []
    for one in {(customer, slice_params) for customer, slice_params, _ in expected}:
        ours = [row for customer, slice_params, row in landed if (customer, slice_params) == one]
        theirs = [row for customer, slice_params, row in expected if (customer, slice_params) == one]
        if len(ours) != len(theirs):
            found.append((one, len(ours), len(theirs)))
        for mine, given in zip(ours, theirs, strict=False):
            found += [(one, name, mine[name], given[name]) for name in given if not _alike(mine[name], given[name])]
    return found


class EachQuestion(Dice):
    """Dice of which each fault hits every question, as often as its `times` say."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self._dice: defaultdict[str, Dice] = defaultdict(partial(Dice, faults))

    def hit(self, name: str, call: FaultTarget) -> bool:
        """Tell whether the fault hits this call."""
        return self._dice[call.identity].hit(name, call)


@every_dataset
def test_datasets_survive_faults_with_nothing_lost_or_doubled(
    role: Role, landed: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fault hits every question; what is landed in the end is what an undisturbed run lands."""
    monkeypatch.setattr(fetching, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(fetching, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(gateway, "Dice", EachQuestion)
    once = Fault(times=1)
    sandbox.faults = Faults(**dict.fromkeys(LOUD, once), moving=Fault(pages=(1,), times=1))
    office = Office(sandbox, tmp_path, role)
    with stamina.set_testing(testing=True, attempts=len(LOUD) + 1):
        for run in range(3):
            if _is_whole(refresh_all(office, f"run {run}")):
                break
        else:
            pytest.fail("three runs did not land it whole")
    met = {name: counts["faults"].keys() for name, counts in sandbox.statistics().items()}
    assert [dataset.name for dataset in office.datasets if not {*LOUD} <= met[dataset.action.name]] == []
    calm = Office(sandbox, landed, role)
    assert [d.name for d in office.datasets if _content(office, d) != _content(calm, d)] == []


def _is_whole(outcomes: list[refresh.Outcome]) -> bool:
    return all(outcome.file and outcome.file.manifest.state == "whole" for outcome in outcomes)


def _content(office: Office, dataset: Dataset) -> list[str]:
    """What a dataset says, whatever page a row stood on."""
    rows = [
        {name: row[name] for name in ("_customer_uin", "_slice_params", *dataset.columns)}
        for row in office.rows(dataset)
    ]
    return sorted(json.dumps(row, ensure_ascii=False) for row in rows)


def _client(office: Office) -> IntlpartnersmgtClient:
    principal = PRINCIPALS[office.role]
    endpoint = office.sandbox.url.removeprefix("http://")
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=endpoint))
    return IntlpartnersmgtClient(Credential(principal.secret_id, principal.secret_key), "", profile)


def _ask(office: Office, dataset: Dataset, one: SliceState, **paged: int) -> dict[str, Any]:
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
    reply = getattr(_client(office), name)(request)
    found: dict[str, Any] = json.loads(reply.to_json_string())
    return found


def _sdk_rows(office: Office, dataset: Dataset, one: SliceState) -> list[dict[str, Any]]:
    paging, rows = dataset.action.paging, []
    for number in range(1, 1000):
        paged = {"Page": number, "PageSize": paging.size} if paging else {}
        reply = _ask(office, dataset, one, **paged)
        member = dataset.action.rows
        found = (
            {name: value for name, value in reply.items() if name != "RequestId"} if member is None else reply[member]
        )
        page = [found] if isinstance(found, dict) else found or []
        rows += page
        if not paging or len(page) < paging.size:
            break
    return [{name: row.get(name) for name in dataset.columns} for row in rows]


def _download(office: Office, dataset: Dataset, one: SliceState) -> bytes:
    for _ in range(5):
        if url := _ask(office, dataset, one)["DownloadUrl"]:
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
