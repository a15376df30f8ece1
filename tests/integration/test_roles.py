"""Each role's whole month and a day's snapshots, at the real limits: nothing written, refused or throttled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from pipelines.endpoints import ACTIONS, DATASETS
from pipelines.endpoints.shapes import PartitionKind, Role
from pipelines.extract import fetching
from pipelines.land import landed_files
from pipelines.periods import BillMonth
from pipelines.publish import build_and_publish
from pipelines.sandbox import Sandbox, World
from tests.integration.conftest import NOW
from tests.integration.office import KEYS, PRINCIPALS, Office

if TYPE_CHECKING:
    from pathlib import Path

WORLD = World(customers=3, lines=700, largest=520)


@pytest.mark.parametrize("role", Role)
def test_a_roles_month_and_snapshots_land_within_its_rights_and_limits(
    role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything the role may ask lands whole, closed and open month, and a release is made of it."""
    monkeypatch.setattr(fetching, "FIRST_WAIT", 0.2)
    with Sandbox(PRINCIPALS.values(), WORLD, now=NOW) as sandbox:
        office = Office(sandbox, tmp_path, role, paced=True)
        outcomes = []
        for kind, key in (*KEYS.items(), (PartitionKind.BILL_MONTH, BillMonth("2026-11"))):
            wanted = [dataset for dataset in office.datasets if dataset.partition is kind]
            outcomes += office.refresh(wanted, key, f"run {key}") if wanted else []
        with urlopen(f"{sandbox.url}/statistics") as answer:
            counts = json.load(answer)
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == []
    assert {outcome.file.manifest.state for outcome in outcomes if outcome.file} == {"whole"}
    assert {file.manifest.dataset for file in landed_files(tmp_path)} == {dataset.name for dataset in office.datasets}
    assert {dataset.action.name for dataset in office.datasets} == counts.keys()
    assert not any(ACTIONS[action].writes for action in counts)
    for action, count in counts.items():
        assert count["ok"] == count["requests"], f"{action} was refused, throttled or broken: {count}"
        assert count["peak_per_second"] <= ACTIONS[action].limit
    release = build_and_publish(tmp_path, now=NOW, code_version="test")
    assert release
    assert release.is_complete
    assert release.is_reconciled


def test_every_dataset_is_asked_by_some_role() -> None:
    """No dataset is out of everyone's reach."""
    assert all(set(dataset.action.roles) & set(Role) for dataset in DATASETS.values())
