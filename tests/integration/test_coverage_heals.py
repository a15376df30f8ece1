"""`rpt_coverage` tells what is missing of a lake, and its own commands heal it."""

from __future__ import annotations

import shlex
import shutil
from collections import defaultdict
from typing import TYPE_CHECKING

from pipelines import paths, publish, settings
from pipelines.periods import BillingClock
from pipelines.sandbox import Faults
from tests.integration.conftest import ROOT, CommandLine

if TYPE_CHECKING:
    from pipelines.sandbox import Sandbox

OF_MONTHS = """
    select dataset, bill_month, customer_uin, problem, heal_command from rpt_coverage
    where bill_month is not null and heal_command is not null order by all
"""
OTHERS = "select distinct problem, heal_command from rpt_coverage where bill_month is null"
PYTHON = ".venv/bin/python -m assets"


def heal(command: CommandLine, lines: set[str]) -> None:
    """Run commands that the report names, taken apart as a shell does, those for months as one."""
    together: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for line in lines:
        python, option, module, name, *words = shlex.split(line)
        assert (python, option, module) == (".venv/bin/python", "-m", "assets")
        months = [word for word in words if word.startswith("2026-")]
        together[name, *(word for word in words if word not in months)] += months
    for (name, *options), months in together.items():
        answer = command.run(name, *months, *options)
        assert answer.returncode == 0, answer.stdout


def test_what_is_lost_or_missing_of_a_lake_is_named_and_healed_by_its_own_command(
    month: CommandLine, sandbox: Sandbox
) -> None:
    """A part of a landed month that is gone, a day, a month that was skipped and a customer that was refused.

    Lists that no month needs are missing until snapshots are taken.
    """
    lines = sandbox.world.line_counts("2026-08")
    refused = max(lines, key=lines.__getitem__)
    assert month.query(OF_MONTHS) == []
    assert month.query(OTHERS) == [("missing", f"{PYTHON} snapshots --account north")]
    sandbox.faults = Faults(unbound=(refused,))
    assert month.run("month", "2026-08", "2026-11").returncode == 3
    sandbox.faults = Faults()
    raw = paths.raw_root(month.home)
    shutil.rmtree(raw / "bill_summary_by_region/account=north/bill_month=2026-10")
    shutil.rmtree(raw / "customer_bill_by_day/account=north/bill_date=2026-11-19")
    release = publish.build_and_publish(
        month.home, now=BillingClock().now(), code_version=settings.code_version(ROOT), full=True
    )
    assert release
    found = month.query(OF_MONTHS)
    assert {row[4] for row in found} == {
        f"{PYTHON} month {key} --account north" for key in ("2026-08", "2026-09", "2026-10", "2026-11")
    }
    lost = [
        ("bill_summary_by_region", "2026-10", None, "missing"),
        ("customer_bill_by_day", "2026-11", None, "missing"),
    ]
    assert [row[:4] for row in found if row[0] and row[3] == "missing"] == lost
    assert [row[:4] for row in found if row[0] is None] == [(None, "2026-09", None, "missing")]
    assert {row[1:3] for row in found if row[2]} == {("2026-08", refused), ("2026-11", refused)}
    assert {row[3] for row in found if row[1:3] == ("2026-08", refused)} == {"not_allowed"}
    heal(month, {str(row[4]) for row in found})
    assert month.query(OF_MONTHS) == []
    heal(month, {str(line) for _, line in month.query(OTHERS)})
    assert month.query("from rpt_coverage") == []
