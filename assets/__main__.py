"""The commands that run through Dagster: `python -m assets month 2026-10`, `snapshots`, `demo`, `dev`, `ui`.

Exit codes of `month` and `snapshots`: 0 every dataset whole; 1 failed, the old release stands; 2 a bad setting or
argument, nothing asked; 3 landed and published, but partial, unproven, or detail differs from summary on a closed
month; 4 another run holds the lock; 130 interrupted.
"""

import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import dagster as dg
from rich.console import Console
from rich.table import Table

from assets import servers
from assets.execution import INTERRUPTED, Executed, execute, instance, prepare
from assets.raw import MONTHLY, RefreshConfig
from assets.resources import ROOT
from pipelines import paths, publish, settings
from pipelines.endpoints.profile import AccountProfile, datasets_for
from pipelines.endpoints.shapes import Dataset
from pipelines.errors import AccountMismatch, ActionRefused, BillEtlError, Busy, SettingError
from pipelines.periods import BillMonth, MonthState, parse_bill_month
from pipelines.refresh import RefreshContext, plan_month, tables
from pipelines.refresh.lists import IN_ORDER, needed

WHOLE, FAILED, WRONG, NOT_WHOLE, BUSY, STOPPED = 0, 1, 2, 3, 4, 130

DEMO_CUSTOMERS = 16
"""Four actions allow one request a second, so two months of 16 customers take 33 s at least."""

_EXAMPLE = """select bill_month, product_name, sum(billed_cost) as billed_cost
from fct_monthly_costs group by all order by billed_cost desc limit 5"""

_OWN_EXAMPLE = _EXAMPLE.replace("fct_monthly_costs", "fct_own_bill_lines")

_console = Console(highlight=False, width=max(Console().width, 112))  # amounts are never cut short
_errors = Console(stderr=True, highlight=False, style="red", markup=False, soft_wrap=True)


@click.group()
def main() -> None:
    """Run the pipeline through Dagster."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's request ends it as ctrl-C does


@main.command()
@click.argument("keys", metavar="MONTH...", nargs=-1, required=True)
@click.option("--account", "accounts", multiple=True, help="Only this account; may be given several times.")
@click.option("--full", is_flag=True, help="Also ask what nothing says has changed.")
def month(keys: Sequence[str], accounts: Sequence[str], *, full: bool) -> None:
    """Take the lists, print the plan, ask and land the months (YYYY-MM), then build and publish."""
    sys.exit(_guarded(lambda: _run(RefreshConfig(accounts=list(accounts), full=full), list(keys))))


@main.command()
@click.option("--account", "accounts", multiple=True, help="Only this account; may be given several times.")
def snapshots(accounts: Sequence[str]) -> None:
    """Take lists, credits and vouchers as of now, then build and publish."""
    sys.exit(_guarded(lambda: _run(RefreshConfig(accounts=list(accounts)), [], everything=True)))


@main.command()
def demo() -> None:
    """Run the running and the previous month on a sandbox, at the real rate limits."""
    sys.exit(_guarded(_run_demo))


@main.command()
def dev() -> None:
    """Start Dagster's UI on a sandbox; ctrl-C ends both."""
    sys.exit(_guarded(_run_dev))


@main.command()
def ui() -> None:
    """Start Dagster's UI, with its schedules, on the configured accounts; ctrl-C ends it."""
    sys.exit(_guarded(_run_ui))


def _guarded(command: Callable[[], int]) -> int:
    """Turn every foreseeable failure of a command into one clear message and an exit code."""
    try:
        return command()
    except BillEtlError as error:
        _errors.print(str(error))
        return _exit_code({type(error).__name__})
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        _errors.print("Interrupted; run again to carry on.")
        return STOPPED


def _exit_code(kinds: set[str]) -> int:
    """Return the exit code for these kinds of failure, of which there is at least one."""
    if INTERRUPTED in kinds:
        return STOPPED
    if kinds == {Busy.__name__}:
        return BUSY
    return WRONG if kinds <= {SettingError.__name__, AccountMismatch.__name__} else FAILED


def _run_demo() -> int:
    with servers.sandbox("--customers", str(DEMO_CUSTOMERS)) as address:
        _ask_only(address)
        running = BillMonth.of(settings.load(ROOT).clock.now())
        return _run(RefreshConfig(), [running.previous.key, running.key], everything=True)


def _run_dev() -> int:
    with servers.sandbox() as address:
        _ask_only(address)
        return _run_ui()


def _ask_only(sandbox: str) -> None:
    """Point this process and its children to a sandbox; what they are told of real accounts then counts for nothing."""
    os.environ["BILL_ETL_SANDBOX"] = sandbox


def _run_ui() -> int:
    prepare(settings.home(ROOT))
    with servers.ui() as (address, process):
        _console.print(f"Dagster's UI: {address} (ctrl-C ends it)")
        try:
            return process.wait()
        except KeyboardInterrupt:
            return WHOLE


def _run(asking: RefreshConfig, keys: list[str], *, everything: bool = False) -> int:
    """Run the lists (or `everything` that is taken as of now), the months and the build, each as a job.

    Nothing is built from a run that failed, unless it is only that the account may not call some action: what the
    others landed is not to wait for a policy. Months judge themselves which lists they need.
    """
    loaded = settings.load(ROOT)
    asked = [parse_bill_month(key, loaded.clock.now()) for key in dict.fromkeys(keys)]
    accounts = loaded.accounts_named(asking.accounts)
    for account in accounts:
        settings.bind_account(loaded.home, account)
    wanted = [] if everything else _lists([account.profile for account in accounts])
    runs: dict[str, Executed] = {}
    with instance(loaded.home) as found:
        if wanted or everything:
            runs["lists" if wanted else "snapshots"] = execute(found, "snapshots_job", asking, datasets=wanted)
        for bill_month in asked if all(map(_carries_on, runs.values())) else []:
            _print_plan(loaded, asking, bill_month)
            runs[bill_month.key] = execute(found, "month_job", asking, bill_month)
        if all(map(_carries_on, runs.values())):
            runs["models"] = execute(found, "models_job")
    failed = [run for run in runs.values() if not run.success]
    for text in dict.fromkeys(text for run in failed for text in run.texts):
        _errors.print(text)
    if not all(map(_carries_on, runs.values())):
        return _exit_code({kind for run in failed for kind in run.kinds})
    code = _report(loaded.home, asked, runs, asking.accounts, loaded.clock.now())
    return NOT_WHOLE if failed else code


def _carries_on(run: Executed) -> bool:
    """Tell whether a run succeeded, or landed all but what the account may not ask."""
    return run.success or (run.has_landed and set(run.kinds) == {ActionRefused.__name__})


def _lists(profiles: Sequence[AccountProfile]) -> list[Dataset]:
    """Return the lists that months are asked of, for any of these accounts."""
    names = {dataset.name for profile in profiles for dataset in needed(profile, datasets_for(profile, MONTHLY))}
    return [dataset for dataset in IN_ORDER if dataset.name in names]


def _print_plan(loaded: settings.Settings, asking: RefreshConfig, bill_month: BillMonth) -> None:
    """Say what a month is about to ask, at least and at most."""
    run = RefreshContext.dry(loaded.home, loaded.clock, full=asking.full)
    plans = [
        plan for a in loaded.accounts_named(asking.accounts) for plan in plan_month(run, a.profile, MONTHLY, bill_month)
    ]
    for drawn in tables(plans):
        _console.print(drawn)


def _report(
    home: Path, asked: Sequence[BillMonth], runs: dict[str, Executed], accounts: list[str], now: datetime
) -> int:
    """Print what the months are, and what is not whole; return the exit code."""
    found = [row for row in publish.summary(home, [m.key for m in asked]) if not accounts or row["account"] in accounts]
    if found:
        _console.print(_months_table(found))
    _console.print(_runs_table(runs))
    for row in found:
        for fault in row["not_whole"]:
            whose = f"customer {fault['customer_uin']}" if fault["customer_uin"] else "its own bill"
            where = f"{row['bill_month']}, account '{row['account']}', {whose}"
            _console.print(f"{where}: {fault['reason']}", style="yellow", markup=False)
    for name, run in runs.items():
        for error_found in run.blocking_errors:
            _console.print(f"{name}, {error_found}", style="yellow", markup=False)
    _console.print(f"\nThe release: {paths.current_release(home)}", markup=False, soft_wrap=True)
    if found:
        example = _EXAMPLE if any(row["is_partner"] for row in found) else _OWN_EXAMPLE
        command = f'BILL_ETL_HOME={shlex.quote(str(home))} .venv/bin/python -m pipelines sql "{example}"'
        _console.print(f"Try:\n{command}", markup=False, soft_wrap=True)
    issued = [row for row in found if BillMonth(row["bill_month"]).state(now) is MonthState.ISSUED]
    is_whole = all(row["is_complete"] for row in found) and all(row["is_reconciled"] for row in issued)
    return WHOLE if is_whole and all(run.is_whole for run in runs.values()) else NOT_WHOLE


def _months_table(found: Sequence[dict[str, Any]]) -> Table:
    table = Table("month", "state", "account", "customers", "rows", "total cost", "detail = summary", "complete")
    for row in found:
        table.add_row(
            row["bill_month"],
            row["month_state"],
            row["account"],
            f"{row['customers']:,}",
            f"{row['rows']:,}",
            ", ".join(f"{cost:,f} {currency}" for currency, cost in row["costs"].items()) or "0",
            "exactly" if row["is_reconciled"] else "no",
            "yes" if row["is_complete"] else "no",
        )
    return table


def _runs_table(runs: dict[str, Executed]) -> Table:
    table = Table("run", "requests", "share of the allowed rate", "throttling answers", "seconds")
    for name, run in runs.items():
        asked = [f"{run.requests:,}", f"{run.share:.0%}", str(run.throttled)] if name != "models" else ["", "", ""]
        table.add_row(name, *asked, f"{run.seconds:.1f}")
    return table


if __name__ == "__main__":
    main()
