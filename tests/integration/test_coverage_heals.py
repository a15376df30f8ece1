"""`rpt_coverage` tells what is missing of a lake, and its own command heals it."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

from pipelines import paths, publish, settings
from pipelines.periods import BillingClock
from pipelines.sandbox import Faults
from tests.integration.conftest import ROOT, CommandLine

if TYPE_CHECKING:
    from pipelines.sandbox import Sandbox

ASKED = "bill_month is not null and heal_command is not null"
PROBLEMS = (
    f"select dataset, bill_month, customer_uin, problem, heal_command from rpt_coverage where {ASKED} order by all"
)


def rebuild(command: CommandLine) -> None:
    """Build again what is there, as somebody who lost a part of the lake would."""
    release = publish.build_and_publish(
        command.home, now=BillingClock().now(), code_version=settings.code_version(ROOT), full=True
    )
    assert release is not None


def heal(command: CommandLine) -> None:
    """Run every command that the report names for months, taken apart as a shell does."""
    for (line,) in command.query(f"select distinct heal_command from rpt_coverage where {ASKED}"):
        words = shlex.split(str(line))
        assert words[:3] == [".venv/bin/python", "-m", "assets"]
        answer = command.run(*words[3:])
        assert answer.returncode == 0, answer.stdout


def test_what_is_lost_of_a_lake_is_named_and_healed_by_its_own_command(command: CommandLine) -> None:
    """A part of a landed month that is gone, and a day, have a row each; after their commands there is none."""
    assert command.run("month", "2026-10", "2026-11").returncode == 0
    assert command.query(PROBLEMS) == []
    raw = paths.raw_root(command.home)
    shutil.rmtree(raw / "bill_summary_by_region/account=north/bill_month=2026-10")
    shutil.rmtree(raw / "customer_bill_by_day/account=north/bill_date=2026-11-19")
    rebuild(command)
    python = ".venv/bin/python -m assets"
    assert command.query(PROBLEMS) == [
        ("bill_summary_by_region", "2026-10", None, "missing", f"{python} month 2026-10 --account north"),
        ("customer_bill_by_day", "2026-11", None, "missing", f"{python} month 2026-11 --account north"),
    ]
    heal(command)
    assert command.query(PROBLEMS) == []


def test_a_month_between_others_and_a_customer_that_was_refused_are_named_until_they_are_there(
    command: CommandLine, sandbox: Sandbox
) -> None:
    """A month that was skipped is missing as a whole; a customer's refusal stays until it passes."""
    lines = sandbox.world.line_counts("2026-08")
    refused = max(lines, key=lines.__getitem__)
    sandbox.faults = Faults(unbound=(refused,))
    assert command.run("month", "2026-08").returncode == 3
    sandbox.faults = Faults()
    assert command.run("month", "2026-10").returncode == 0
    found = command.query(PROBLEMS)
    assert (None, "2026-09", None, "missing") in {row[:4] for row in found}
    named = {(row[2], row[3]) for row in found if row[1] == "2026-08"}
    assert named == {(refused, "not_allowed")}
    heal(command)
    assert command.query(PROBLEMS) == []


def test_lists_that_were_never_taken_are_named_until_they_are(command: CommandLine) -> None:
    """A month takes only the lists that it needs; the others are missing until snapshots are taken."""
    assert command.run("month", "2026-10").returncode == 0
    missing = "select distinct problem, heal_command from rpt_coverage"
    assert command.query(missing) == [("missing", ".venv/bin/python -m assets snapshots --account north")]
    assert command.run("snapshots", "--account", "north").returncode == 0
    assert command.query(missing) == []
