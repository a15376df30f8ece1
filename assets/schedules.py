"""The daily runs: what is taken as of now, the running month, the previous one until its closed bill was pulled whole,
and what is still owed of the months before.

Keys are computed from now, not from the tick: after an outage the scheduler replays ticks, and the run keys (today's
date) make one run of them.
"""

from decimal import Decimal

import dagster as dg

from assets.jobs import MONTH_JOB, SNAPSHOTS_JOB
from assets.raw import MONTHLY, months, raw_asset_key
from assets.resources import Workspace
from pipelines import paths
from pipelines.endpoints.profile import why_skipped
from pipelines.endpoints.shapes import Dataset
from pipelines.errors import BillEtlError, SettingError
from pipelines.land import Manifest, read_manifest
from pipelines.pages import Proof
from pipelines.periods import BILLING_ZONE, BillMonth, MonthState
from pipelines.refresh.slices import is_by_files
from pipelines.settings import DAILY_AT, Settings, daily_at

RECEIVABLE_MONTHS = 3
"""Closed months of which it is asked daily what is still unpaid; older ones whenever a person asks."""


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
    description="Takes lists, credits and vouchers, daily.",
)
def daily_snapshots(workspace: Workspace) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run a day."""
    try:
        settings = workspace.settings()
    except BillEtlError as error:
        return dg.SkipReason(str(error))
    return dg.RunRequest(run_key=settings.clock.today().isoformat())


@dg.schedule(
    job=MONTH_JOB,
    cron_schedule=_cron(),
    execution_timezone=BILLING_ZONE.key,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Refreshes the running month, the previous one until it was pulled whole after its close, and what is "
    "unpaid of the closed months before, daily.",
)
def daily_months(workspace: Workspace) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for one run a day and month; of a month that is closed, only for what is not settled."""
    try:
        settings = workspace.settings()
    except BillEtlError as error:
        return dg.SkipReason(str(error))
    today = settings.clock.today().isoformat()
    running = BillMonth.of(settings.clock.now())
    requests = [dg.RunRequest(run_key=f"{today} {running}", partition_key=running.key)]
    month = running
    for _ in range(RECEIVABLE_MONTHS):
        month = month.previous
        wanted = [dataset for dataset in MONTHLY if not _is_settled(settings, dataset, month, latest=running.previous)]
        if wanted:
            needed = {
                name
                for dataset in wanted
                for name in (dataset.name, dataset.reconciled_with, dataset.requested_if_rows)
            }
            requests.append(
                dg.RunRequest(
                    run_key=f"{today} {month}",
                    partition_key=month.key,
                    asset_selection=[raw_asset_key(dataset) for dataset in MONTHLY if dataset.name in needed],
                    run_config={"ops": {months.op.name: {"config": {"unproven": True}}}},
                )
            )
    return requests


def _is_settled(settings: Settings, dataset: Dataset, month: BillMonth, latest: BillMonth) -> bool:
    """Tell whether nothing of a dataset's past month is to be asked daily."""
    issued = month.state(settings.clock.now()) is MonthState.ISSUED
    profiles = [a.profile for a in settings.accounts if not why_skipped(a.profile, dataset)]
    files = [
        paths.raw_file(settings.home, dataset.name, profile.account, dataset.partition, month.key)
        for profile in profiles
        if not (issued and is_by_files(profile, dataset))
    ]
    try:
        manifests = [read_manifest(file) if file.exists() else None for file in files]
    except BillEtlError:
        return False
    owed = any(manifest and _is_owed(dataset, manifest) for manifest in manifests)
    return not owed and (month != latest or all(map(_is_whole, manifests)))


def _is_whole(manifest: Manifest | None) -> bool:
    """Tell whether a month was landed whole since it closed; for the months before, a backfill is a person's choice."""
    return manifest is not None and manifest.month_state == MonthState.ISSUED and manifest.state == "whole"


def _is_owed(dataset: Dataset, manifest: Manifest) -> bool:
    """Tell whether some customer owes something, or may; sums would let one's refund hide another's debt."""
    return dataset.requested_if_cost is not None and any(
        Decimal(customer.cost or 0) != 0 or (customer.proof != Proof.PROVEN and not customer.is_excused)
        for customer in manifest.slices
    )
