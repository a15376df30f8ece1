"""The commands that run through Dagster: `python -m assets month 2026-10`, `snapshots`, `demo`, `dev`, `ui`.

Exit codes of `month` and `snapshots`: 0 every dataset is whole; 1 failed, the last release stays; 2 a wrong setting or
argument, nothing was requested; 3 landed and published, but partial or unproven, or an issued month is not reconciled;
4 another run holds the lock; 130 interrupted.
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
from assets.execution import INTERRUPTED, JobResult, execute, instance, prepare
from assets.raw import MONTHLY, RefreshConfig
from assets.resources import ROOT
from pipelines import paths, publish, settings
from pipelines.endpoints.profile import AccountProfile, datasets_for
from pipelines.endpoints.shapes import Dataset
from pipelines.errors import AccountMismatch, ActionRefused, BillEtlError, Busy, SettingError
from pipelines.periods import BillMonth, MonthState, parse_bill_month
from pipelines.refresh import RefreshContext, plan_month, tables
from pipelines.refresh.lists import LISTS, needed_lists

WHOLE, FAILED, WRONG_SETTING, NOT_WHOLE, BUSY, STOPPED = 0, 1, 2, 3, 4, 130

DEMO_CUSTOMERS = 16
"""Four actions allow one request a second, so two months of 16 customers take at least 33 s."""

_EXAMPLE = """select bill_month, product_name, sum(billed_cost) as billed_cost
from fct_monthly_costs group by all order by billed_cost desc limit 5"""

_OWN_EXAMPLE = _EXAMPLE.replace("fct_monthly_costs", "fct_own_bill_lines")

_console = Console(highlight=False, width=max(Console().width, 112))  # wide enough that no amount is cut off
_errors = Console(stderr=True, highlight=False, style="red", markup=False, soft_wrap=True)


@click.group()
def main() -> None:
    """Run the pipeline through Dagster."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager ends a run as ctrl-C does


@main.command()
@click.argument("keys", metavar="MONTH...", nargs=-1, required=True)
@click.option("--account", "accounts", multiple=True, help="Only this account. May be repeated.")
@click.option("--full", is_flag=True, help="Also request data that has not changed as far as is known.")
def month(keys: Sequence[str], accounts: Sequence[str], *, full: bool) -> None:
    """Fetch the lists and the months (YYYY-MM), land them, then build and publish."""
    sys.exit(_guarded(lambda: _run(RefreshConfig(accounts=list(accounts), full=full), list(keys))))


@main.command()
@click.option("--account", "accounts", multiple=True, help="Only this account. May be repeated.")
def snapshots(accounts: Sequence[str]) -> None:
    """Fetch lists, credits and vouchers as of now, then build and publish."""
    sys.exit(_guarded(lambda: _run(RefreshConfig(accounts=list(accounts)), [], everything=True)))


@main.command()
def demo() -> None:
    """Fetch and publish the open and the previous month from a sandbox, at the real rate limits."""
    sys.exit(_guarded(_run_demo))


@main.command()
def dev() -> None:
    """Start Dagster's UI with a sandbox; ctrl-C stops both."""
    sys.exit(_guarded(_run_dev))


@main.command()
def ui() -> None:
    """Start Dagster's UI and schedules with the configured accounts; ctrl-C stops them."""
    sys.exit(_guarded(_run_ui))


def _guarded(command: Callable[[], int]) -> int:
    """Run a command; print an expected failure as one message and return the exit code for it."""
    try:
        return command()
    except BillEtlError as error:
        _errors.print(str(error))
        return _exit_code({type(error).__name__})
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        _errors.print("Interrupted: run again to continue.")
        return STOPPED


def _exit_code(kinds: set[str]) -> int:
    """Return the exit code for these kinds of failure (at least one)."""
    if INTERRUPTED in kinds:
        return STOPPED
    if kinds == {Busy.__name__}:
        return BUSY
    return WRONG_SETTING if kinds <= {SettingError.__name__, AccountMismatch.__name__} else FAILED


def _run_demo() -> int:
    with servers.sandbox("--customers", str(DEMO_CUSTOMERS)) as address:
        _use_sandbox(address)
        running = BillMonth.of(settings.load(ROOT).clock.now())
        return _run(RefreshConfig(), [running.previous.key, running.key], everything=True)


def _run_dev() -> int:
    with servers.sandbox() as address:
        _use_sandbox(address)
        return _run_ui()


def _use_sandbox(address: str) -> None:
    """Make this process and its children use a sandbox; settings of real accounts are then ignored."""
    os.environ["BILL_ETL_SANDBOX"] = address


def _run_ui() -> int:
    prepare(settings.home(ROOT))
    with servers.ui() as (address, process):
        _console.print(f"Dagster's UI: {address} (ctrl-C stops it)")
        try:
            return process.wait()
        except KeyboardInterrupt:
            return WHOLE


def _run(config: RefreshConfig, keys: list[str], *, everything: bool = False) -> int:
    """Run the needed lists (with `everything`, all snapshots), the months and the build, each as a job.

    After a failed run nothing is built, unless the only failure is an action that the account may not call: a missing
    permission does not hold up what other datasets landed.
    """
    loaded = settings.load(ROOT)
    bill_months = [parse_bill_month(key, loaded.clock.now()) for key in dict.fromkeys(keys)]
    accounts = loaded.accounts_named(config.accounts)
    for account in accounts:
        settings.bind_account(loaded.home, account)
    lists = [] if everything else _needed_lists([account.profile for account in accounts])
    runs: dict[str, JobResult] = {}
    with instance(loaded.home) as dagster_instance:
        if lists or everything:
            name = "lists" if lists else "snapshots"
            runs[name] = execute(dagster_instance, "snapshots_job", config, datasets=lists)
        for bill_month in bill_months if all(map(_may_continue, runs.values())) else []:
            _print_plan(loaded, config, bill_month)
            runs[bill_month.key] = execute(dagster_instance, "month_job", config, bill_month)
        if all(map(_may_continue, runs.values())):
            runs["models"] = execute(dagster_instance, "models_job")
    failed = [run for run in runs.values() if not run.success]
    for message in dict.fromkeys(message for run in failed for message in run.messages):
        _errors.print(message)
    if not all(map(_may_continue, runs.values())):
        return _exit_code({kind for run in failed for kind in run.kinds})
    code = _report(loaded.home, bill_months, runs, config.accounts, loaded.clock.now())
    return NOT_WHOLE if failed else code


def _may_continue(run: JobResult) -> bool:
    """Return whether a run succeeded, or landed data and failed only for actions that the account may not call."""
    return run.success or (run.has_landed and set(run.kinds) == {ActionRefused.__name__})


def _needed_lists(profiles: Sequence[AccountProfile]) -> list[Dataset]:
    """Return the lists that a month needs first for any of these accounts, such as the list of customers."""
    names = {dataset.name for profile in profiles for dataset in needed_lists(profile, datasets_for(profile, MONTHLY))}
    return [dataset for dataset in LISTS if dataset.name in names]


def _print_plan(loaded: settings.Settings, config: RefreshConfig, bill_month: BillMonth) -> None:
    """Print how many requests a month is about to make, at least and at most."""
    context = RefreshContext.dry(loaded.home, loaded.clock, full=config.full)
    accounts = loaded.accounts_named(config.accounts)
    plans = [plan for account in accounts for plan in plan_month(context, account.profile, MONTHLY, bill_month)]
    for table in tables(plans):
        _console.print(table)


def _report(
    home: Path, bill_months: Sequence[BillMonth], runs: dict[str, JobResult], accounts: list[str], now: datetime
) -> int:
    """Print the state of the months, what is not whole and the runs' use of the API; return the exit code."""
    summary = publish.summary(home, [month.key for month in bill_months])
    rows = [row for row in summary if not accounts or row["account"] in accounts]
    if rows:
        _console.print(_months_table(rows))
    _console.print(_runs_table(runs))
    for row in rows:
        for gap in row["not_whole"]:
            whose = f"customer {gap['customer_uin']}" if gap["customer_uin"] else "its own bill"
            where = f"{row['bill_month']}, account '{row['account']}', {whose}"
            _console.print(f"{where}: {gap['reason']}", style="yellow", markup=False)
    for name, run in runs.items():
        for check in run.failed_checks:
            _console.print(f"{name}, {check}", style="yellow", markup=False)
    _console.print(f"\nRelease: {paths.current_release(home)}", markup=False, soft_wrap=True)
    if rows:
        example = _EXAMPLE if any(row["is_partner"] for row in rows) else _OWN_EXAMPLE
        command = f'BILL_ETL_HOME={shlex.quote(str(home))} .venv/bin/python -m pipelines sql "{example}"'
        _console.print(f"Try:\n{command}", markup=False, soft_wrap=True)
    issued = [row for row in rows if BillMonth(row["bill_month"]).state(now) is MonthState.ISSUED]
    is_whole = all(row["is_complete"] for row in rows) and all(row["is_reconciled"] for row in issued)
    return WHOLE if is_whole and all(run.is_whole for run in runs.values()) else NOT_WHOLE


def _months_table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table("month", "state", "account", "customers", "rows", "total cost", "lines = summary", "complete")
    for row in rows:
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


def _runs_table(runs: dict[str, JobResult]) -> Table:
    table = Table("run", "requests", "share of the allowed rate", "throttled requests", "seconds")
    for name, run in runs.items():
        usage = [f"{run.requests:,}", f"{run.share:.0%}", str(run.throttled)] if name != "models" else ["", "", ""]
        table.add_row(name, *usage, f"{run.seconds:.1f}")
    return table


if __name__ == "__main__":
    main()
