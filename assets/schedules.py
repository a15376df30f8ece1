"""The daily schedules: one for snapshots, one for bill months.

Three things are fetched every day: the running month; the previous month, until it has landed whole after its bill was
issued; and the unpaid amounts of the months before.

Partitions come from the current time, not from the schedule's tick: after an outage the scheduler replays ticks, and
run keys with today's date turn them into one run.
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
from pipelines.refresh.slices import is_from_files
from pipelines.settings import DAILY_AT, Settings, daily_at

RECEIVABLE_MONTHS = 3
"""Past months whose unpaid amounts are fetched daily. Older ones are fetched only when a person starts a run."""


def _cron() -> str:
    """Return the cron expression of BILL_ETL_DAILY_AT, or of the default time if that is wrong.

    A wrong setting must not keep the code location from loading; runs report it.
    """
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
    description="Fetches lists, credits and vouchers every day.",
)
def daily_snapshots(workspace: Workspace) -> dg.RunRequest | dg.SkipReason:
    """Request one run a day."""
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
    description="Fetches every day: the open month, the previous month until it has landed whole after its bill was "
    "issued, and the unpaid amounts of the months before.",
)
def daily_months(workspace: Workspace) -> list[dg.RunRequest] | dg.SkipReason:
    """Request one run a day for each month; for past months only the datasets that are not settled."""
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
        unsettled = [
            dataset for dataset in MONTHLY if not _is_settled(settings, dataset, month, latest=running.previous)
        ]
        if unsettled:
            needed = {
                name
                for dataset in unsettled
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
    """Return whether a dataset of a past month needs no more daily requests."""
    is_issued = month.state(settings.clock.now()) is MonthState.ISSUED
    profiles = [a.profile for a in settings.accounts if not why_skipped(a.profile, dataset)]
    files = [
        paths.raw_file(settings.home, dataset.name, profile.account, dataset.partition, month.key)
        for profile in profiles
        if not (is_issued and is_from_files(profile, dataset))
    ]
    try:
        manifests = [read_manifest(file) if file.exists() else None for file in files]
    except BillEtlError:
        return False
    is_unpaid = any(manifest and _may_be_unpaid(dataset, manifest) for manifest in manifests)
    return not is_unpaid and (month != latest or all(map(_is_whole, manifests)))


def _is_whole(manifest: Manifest | None) -> bool:
    """Return whether a month has landed whole since its bill was issued."""
    return manifest is not None and manifest.month_state == MonthState.ISSUED and manifest.state == "whole"


def _may_be_unpaid(dataset: Dataset, manifest: Manifest) -> bool:
    """Return whether any customer has, or may have, an unpaid amount.

    Customers are looked at one by one: in a sum, one customer's refund would hide another's debt.
    """
    return dataset.requested_if_cost is not None and any(
        Decimal(state.cost or 0) != 0 or (state.proof != Proof.PROVEN and not state.is_excused)
        for state in manifest.slices
    )
