"""The official focus-validator on a month of the sandbox, where its environment is: `make focus-validate` makes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pipelines.endpoints.shapes import PartitionKind, Role
from pipelines.extract import fetching
from pipelines.publish import build_and_publish
from pipelines.publish.exports import export_focus
from pipelines.publish.focus_validator import validate
from pipelines.sandbox import Sandbox, World
from tests.acceptance.programs import PEERS
from tests.integration.conftest import NOW, ROOT
from tests.integration.office import KEYS, PRINCIPALS, Office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (ROOT / "docs" / "focus.md").read_text(encoding="utf-8")
VALIDATOR = PEERS / "focus-validator"

pytestmark = pytest.mark.skipif(not (VALIDATOR / ".ready").exists(), reason="not validated: see make focus-validate")


def explained() -> Iterator[tuple[str, str]]:
    """Give each rule whose skipping the page explains, with the reason that it is listed under."""
    for section in PAGE.partition("## Rules that the validator skips\n")[2].split("\n### ")[1:]:
        reason, _, rest = section.partition("\n")
        for rule in re.findall(r"^[A-Za-z]+-[ACD]-\d{3}-[MCO](?: .*)?$", rest, re.MULTILINE):
            yield from ((name, reason) for name in rule.split())


@pytest.mark.parametrize("role", [Role.RESELLER, Role.CUSTOMER])
def test_no_rule_of_focus_fails_on_a_month(role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partner's and an end customer's issued month pass, and every rule that is skipped is explained."""
    monkeypatch.setattr(fetching, "FIRST_WAIT", 0.2)
    world = World(customers=3, lines=700, largest=520, beyond_double=False)
    with Sandbox(PRINCIPALS.values(), world, now=NOW, limits=False) as sandbox:
        sandbox.storage.ready_after = 0
        office = Office(sandbox, tmp_path, role)
        for kind in (PartitionKind.SNAPSHOT_DATE, PartitionKind.BILL_MONTH):
            outcomes = office.refresh([d for d in office.datasets if d.partition is kind], KEYS[kind])
            assert [str(outcome.error) for outcome in outcomes if outcome.error] == []
    assert build_and_publish(tmp_path, now=NOW, code_version="test")
    exported = export_focus(tmp_path, "2026-10")
    assert exported.files[0].rows > 400
    result = validate(exported.folder / "focus_cost_and_usage.parquet", VALIDATOR)
    print(f"\n{role}, {exported.files[0].rows} rows: {result.sentence}")  # noqa: T201  what make focus-validate prints
    assert result.failed == {}
    assert result.not_taken == {"InvoiceId-C-005-C": "InvoiceId-C-003-C"}
    assert len(result.passed) == 229
    assert dict(result.skipped) == dict(explained())
