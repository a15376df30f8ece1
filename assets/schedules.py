"""The daily runs: the customer list, the running month, and the previous one until its closed bill was pulled whole.

Keys are computed from now, not from the tick: after an outage the scheduler replays ticks, and the run keys (today's
date) make one run of them.
"""

import dagster as dg

from assets.jobs import MONTH_JOB, SNAPSHOTS_JOB
from assets.raw import MONTHLY
from assets.resources import Books
from pipelines import paths
from pipelines.errors import BillEtlError, SettingError
from pipelines.land import read_manifest
from pipelines.periods import BILLING_ZONE, BillMonth, MonthState
from pipelines.refresh import asked_of
from pipelines.settings import DAILY_AT, Settings, daily_at


def _cron() -> str:
    """Spell the time of the daily runs; a wrong setting must not keep the code location from loading (runs name it)."""
    try:
        at = daily_at()
    except SettingError:
        at = DAILY_AT
    return f"{at.minute} {at.hour} * * *"


@dg.schedule(
    job=SNAPSHOTS_JOB,
    cron_schedule=_cron(),
    execution_timezone=BILLING_ZONE.key,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Takes the customer list, daily.",
)
def daily_snapshots(books: Books) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run a day."""
    try:
        settings = books.settings()
    except BillEtlError as error:
        return dg.SkipReason(str(error))
    return dg.RunRequest(run_key=settings.clock.today().isoformat())


@dg.schedule(
    job=MONTH_JOB,
    cron_schedule=_cron(),
    execution_timezone=BILLING_ZONE.key,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Refreshes the running month, and the previous one until it was pulled whole after its close, daily.",
)
def daily_months(books: Books) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for one run a day and month."""
    try:
        settings = books.settings()
    except BillEtlError as error:
        return dg.SkipReason(str(error))
    today = settings.clock.today().isoformat()
    running = BillMonth.of(settings.clock.now())
    wanted = [running] if _is_settled(settings, running.previous) else [running.previous, running]
    return [dg.RunRequest(run_key=f"{today} {month}", partition_key=month.key) for month in wanted]


def _is_settled(settings: Settings, month: BillMonth) -> bool:
    """Tell whether every account's datasets of the month were landed whole since it closed."""
    files = [
        paths.raw_file(settings.home, dataset.name, account.name, dataset.partition, month.key)
        for account in settings.accounts
        for dataset in asked_of(account.role, MONTHLY)
    ]
    try:
        manifests = [read_manifest(file) if file.exists() else None for file in files]
    except BillEtlError:
        return False
    return all(m and m.month_state == MonthState.CLOSED and m.state == "whole" for m in manifests)
