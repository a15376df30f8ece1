"""The raw assets: one for each dataset of the catalogue, landed as Parquet, with the checks on each landing.

All datasets of a partition are one step. Rate limits are per action, so fetching datasets side by side takes only as
long as the slowest. Which requests to make, and how to land the rows, is the work of `pipelines.refresh`.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

import dagster as dg

from assets.failures import failure
from assets.partitions import DAYS, MONTHS
from assets.progress import ProgressReport
from assets.resources import Workspace
from pipelines.endpoints import DATASETS
from pipelines.endpoints.profile import why_skipped
from pipelines.endpoints.shapes import Dataset, PartitionKind
from pipelines.errors import BillEtlError, SettingError
from pipelines.land import LINEAGE, LandedFile, Sighting, SliceState, drift_of
from pipelines.pages import EXTRA, Proof, exact_sum
from pipelines.periods import BILLING_ZONE, parse_bill_date, parse_bill_month
from pipelines.refresh import Outcome, PartitionKey, RefreshContext, Usage, refresh
from pipelines.settings import Account, Settings

PROVEN_CHECK = "every_slice_is_proven"
DRIFT_CHECK = "no_drift"
_DRIFT = "the API's answers differ from the catalogue. All of it has landed, and meta.drift lists it too:"
LAKE = dg.AssetSpec(
    "lake",
    group_name="raw",
    description="All landed files. Its data version changes with every landing, so that a release shows as stale.",
)


class RefreshConfig(dg.Config):
    """Options of a run.

    `accounts`: only these accounts; empty means all configured ones. `full`: also request data that has not changed as
    far as is known. `unproven`: for an issued month, request only slices not proven since it was issued; the daily
    schedule sets it.
    """

    accounts: list[str] = []  # noqa: RUF012  pydantic copies it
    full: bool = False
    unproven: bool = False


def raw_asset_key(dataset: Dataset) -> dg.AssetKey:
    """Return the asset key of a dataset."""
    return dg.AssetKey(["raw", dataset.name])


def datasets_by(kind: PartitionKind) -> list[Dataset]:
    """Return the datasets with this kind of partition."""
    return [dataset for dataset in DATASETS.values() if dataset.partition is kind]


def _spec(dataset: Dataset, deps: Sequence[dg.AssetKey] = ()) -> dg.AssetSpec:
    action = dataset.action
    columns = [dg.TableColumn(field.name, "text", description=f"{field.type} in the API") for field in dataset.fields]
    return dg.AssetSpec(
        raw_asset_key(dataset),
        deps=deps,
        group_name="raw",
        skippable=True,
        kinds={"parquet"},
        description=f"{dataset.description}, from {action.name} (at most {_times(action.limit)} a second).",
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
    )


def _times(requests: int) -> str:
    return "1 request" if requests == 1 else f"{requests} requests"


def _checks(datasets: Sequence[Dataset]) -> list[dg.AssetCheckSpec]:
    proven = "The rows of every slice (such as a customer) are proven complete. Lists the others with the reason."
    drift = (
        "The API's rows have the fields and values of the catalogue. Lists differences and when each was first seen."
    )
    specs = [(PROVEN_CHECK, proven), (DRIFT_CHECK, drift)]
    return [
        dg.AssetCheckSpec(name, asset=raw_asset_key(dataset), description=text)
        for dataset in datasets
        for name, text in specs
    ]


SNAPSHOTS = datasets_by(PartitionKind.SNAPSHOT_DATE)
DAILY = datasets_by(PartitionKind.BILL_DATE)
MONTHLY = datasets_by(PartitionKind.BILL_MONTH)
_CUSTOMERS = raw_asset_key(DATASETS["customers"])


@dg.multi_asset(
    name="snapshots",
    specs=[_spec(dataset) for dataset in SNAPSHOTS],
    check_specs=_checks(SNAPSHOTS),
    can_subset=True,
)
def snapshots(context: dg.AssetExecutionContext, config: RefreshConfig, workspace: Workspace) -> Iterator[object]:
    """Fetch lists, credits and vouchers as of now. A second snapshot on the same day replaces the first."""
    yield from _land(context, config, workspace)


@dg.multi_asset(
    name="days",
    specs=[_spec(dataset, [_CUSTOMERS]) for dataset in DAILY],
    check_specs=_checks(DAILY),
    partitions_def=DAYS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def days(context: dg.AssetExecutionContext, config: RefreshConfig, workspace: Workspace) -> Iterator[object]:
    """Fetch the costs of each customer on one day. Runs of a month fetch its latest days themselves."""
    yield from _land(context, config, workspace)


@dg.multi_asset(
    name="months",
    specs=[_spec(dataset, [_CUSTOMERS]) for dataset in MONTHLY],
    check_specs=_checks(MONTHLY),
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def months(context: dg.AssetExecutionContext, config: RefreshConfig, workspace: Workspace) -> Iterator[object]:
    """Fetch a month's bills for every account, after today's lists and an open month's latest days."""
    yield from _land(context, config, workspace)


def _land(context: dg.AssetExecutionContext, config: RefreshConfig, workspace: Workspace) -> Iterator[object]:
    """Yield the results of each dataset once all accounts are done with it; fail at the end if any account failed."""
    selected = {asset.path[-1] for asset in context.selected_asset_keys}
    datasets = [dataset for name, dataset in DATASETS.items() if name in selected]
    failures: list[BillEtlError] = []
    try:
        settings = workspace.settings()
        for dataset, outcomes in _refresh(context, config, workspace, settings, datasets):
            failures += [outcome.error for outcome in outcomes if outcome.error]
            yield from _results(context, settings, dataset, outcomes)
    except BillEtlError as error:
        failures.append(error)
    if failures:
        raise failure(failures)


def _partition_key(context: dg.AssetExecutionContext, settings: Settings) -> PartitionKey:
    """Return the run's month or day; None for snapshots. Raises SettingError for one that has no bills (yet)."""
    if not context.has_partition_key:
        return None
    parse = parse_bill_month if context.assets_def.partitions_def == MONTHS else parse_bill_date
    return parse(context.partition_key, settings.clock.now())


def _refresh(
    context: dg.AssetExecutionContext,
    config: RefreshConfig,
    workspace: Workspace,
    settings: Settings,
    datasets: list[Dataset],
) -> Iterator[tuple[Dataset, list[Outcome]]]:
    """Run the refresh; yield a dataset with its outcomes once every account that it is requested for is done."""
    partition_key = _partition_key(context, settings)
    accounts = settings.accounts_named(config.accounts)
    expected = {dataset.name: _account_count(context, dataset, accounts) for dataset in datasets}
    if not any(expected.values()):
        raise SettingError(
            "No configured account has a role for any of the selected datasets: see BILL_ETL_ROLE or accounts.toml."
        )
    done: defaultdict[str, list[Outcome]] = defaultdict(list)
    with (
        asyncio.Runner() as runner,
        ProgressReport(context.log, {account.name: account.limits for account in accounts}) as report,
    ):
        refresh_context = workspace.refresh_context(
            settings, context.run.root_run_id or context.run.run_id, report, full=config.full, unproven=config.unproven
        )
        outcomes = _outcomes(workspace, settings, config, refresh_context, datasets, partition_key)
        try:
            while (outcome := runner.run(_next(outcomes))) is not None:
                name = outcome.dataset.name
                done[name].append(outcome)
                if len(done[name]) == expected.get(name, 1):
                    yield outcome.dataset, done.pop(name)
        finally:
            runner.run(_cancel(outcomes))


async def _cancel(outcomes: AsyncGenerator[Outcome, None]) -> None:
    """Cancel requests under way, also after ctrl-C in their midst. Pages received so far are kept."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await outcomes.aclose()


async def _outcomes(
    workspace: Workspace,
    settings: Settings,
    config: RefreshConfig,
    refresh_context: RefreshContext,
    datasets: list[Dataset],
    partition_key: PartitionKey,
) -> AsyncGenerator[Outcome, None]:
    async with (
        workspace.account_clients(settings, config.accounts) as account_clients,
        aclosing(refresh(refresh_context, account_clients, datasets, partition_key)) as outcomes,
    ):
        async for outcome in outcomes:
            yield outcome


async def _next(outcomes: AsyncGenerator[Outcome, None]) -> Outcome | None:
    return await anext(outcomes, None)


def _account_count(context: dg.AssetExecutionContext, dataset: Dataset, accounts: Sequence[Account]) -> int:
    """Return how many accounts a dataset is requested for, and log why it is skipped for the others."""
    reasons = {account.name: why_skipped(account.profile, dataset) for account in accounts}
    for account, reason in reasons.items():
        if reason:
            context.log.info("%s is skipped for account '%s': %s.", dataset.name, account, reason)
    return sum(not reason for reason in reasons.values())


def _results(
    context: dg.AssetExecutionContext, settings: Settings, dataset: Dataset, outcomes: list[Outcome]
) -> Iterator[object]:
    """Yield a dataset's check results and, if it has a landed file, its materialisation; record the lake's change."""
    files = [outcome.file for outcome in outcomes if outcome.file]
    if not files and not any(outcome.error for outcome in outcomes):
        return
    checks = [
        check
        for check in (_proof_result(dataset, outcomes), _drift_result(settings, dataset, files))
        if dg.AssetCheckKey(raw_asset_key(dataset), check.check_name or "") in context.selected_asset_check_keys
    ]
    if not files:
        yield from checks
        return
    metadata = _metadata(outcomes)
    if raw_asset_key(dataset) in context.selected_asset_keys:
        yield dg.MaterializeResult(asset_key=raw_asset_key(dataset), metadata=metadata, check_results=checks)
    else:  # a list or a day that a month needs; it is not among the selected assets
        day = outcomes[0].partition_key if dataset.partition is PartitionKind.BILL_DATE else None
        context.log_event(dg.AssetMaterialization(raw_asset_key(dataset), metadata=metadata, partition=day))
    version = sha256("".join(file.digest for file in files).encode()).hexdigest()
    context.log_event(dg.AssetMaterialization(LAKE.key, tags={"dagster/data_version": version}))


def _drift_result(settings: Settings, dataset: Dataset, files: list[LandedFile]) -> dg.AssetCheckResult:
    """Return the result of the drift check. It only warns: fields and values that are not in the catalogue land too."""
    sightings = [(file.manifest.account, sighting) for file in files for sighting in drift_of(settings.home, file)]
    return dg.AssetCheckResult(
        asset_key=raw_asset_key(dataset),
        check_name=DRIFT_CHECK,
        passed=not sightings,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join([_DRIFT, *(_describe_drift(*each) for each in sightings)]) if sightings else None,
        metadata={"sightings": len(sightings)},
    )


def _describe_drift(account: str, sighting: Sighting) -> str:
    value = "" if sighting.value is None else f" '{sighting.value}'"
    what = f"{sighting.kind.replace('_', ' ')}: {sighting.field}{value}"
    seen_at = f"{datetime.fromisoformat(sighting.first_seen_at).astimezone(BILLING_ZONE):%Y-%m-%d %H:%M} (UTC+8)"
    return f"account '{account}': {what}, first seen {seen_at} in {sighting.first_key}"


def _proof_result(dataset: Dataset, outcomes: list[Outcome]) -> dg.AssetCheckResult:
    """Return the result of the proof check; it only warns if the customers concerned are no longer listed."""
    unproven = [(o.account, s) for o in outcomes if o.file for s in o.file.manifest.slices if s.proof != Proof.PROVEN]
    errors = [f"account '{outcome.account}': {outcome.error}" for outcome in outcomes if outcome.error]
    is_excused = not errors and all(state.is_excused for _, state in unproven)
    return dg.AssetCheckResult(
        asset_key=raw_asset_key(dataset),
        check_name=PROVEN_CHECK,
        passed=not unproven and not errors,
        severity=dg.AssetCheckSeverity.WARN if is_excused else dg.AssetCheckSeverity.ERROR,
        description="\n".join(errors + [_describe_slice(account, state) for account, state in unproven]) or None,
        metadata={"slices": len(unproven)},
    )


def _describe_slice(account: str, state: SliceState) -> str:
    names = [f"customer {state.customer_uin}"] if state.customer_uin else []
    names += [state.slice_params] if state.slice_params else []
    return f"account '{account}', {' '.join(names) or 'the whole list'}: {state.proof}: {state.reason}"


def _metadata(outcomes: list[Outcome]) -> dict[str, dg.MetadataValue]:
    """Return the metadata of a materialisation: totals over all accounts, and a table with a row for each account."""
    files = [outcome.file for outcome in outcomes if outcome.file]
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for file in files:
        for currency, cost in file.manifest.costs.items():
            costs[currency] = exact_sum([costs[currency], Decimal(cost)])
    usages = [outcome.usage for outcome in outcomes]
    columns = (*outcomes[0].dataset.columns, EXTRA)
    schema = [dg.TableColumn(name, "text") for name in columns]
    schema += [dg.TableColumn(field.name, str(field.type), description="lineage") for field in LINEAGE]
    return {
        "path": dg.MetadataValue.json([file.path for file in files]),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=schema)),
        "dagster/row_count": dg.MetadataValue.int(sum(file.manifest.rows for file in files)),
        "pages": dg.MetadataValue.int(sum(usage.pages for usage in usages)),
        "requests": dg.MetadataValue.int(sum(usage.requests for usage in usages)),
        "throttled": dg.MetadataValue.int(sum(usage.throttled for usage in usages)),
        "seconds": dg.MetadataValue.float(round(max(usage.seconds for usage in usages), 3)),
        "share_of_limit": dg.MetadataValue.float(round(max(usage.share for usage in usages), 4)),
        "total_cost": dg.MetadataValue.json({currency: format(cost, "f") for currency, cost in costs.items()}),
        "why_skipped": dg.MetadataValue.text("; ".join(sorted({o.why_skipped for o in outcomes if o.why_skipped}))),
        "accounts": dg.MetadataValue.table([_record(o.account, o.file, o.usage) for o in outcomes if o.file]),
    }


def _record(account: str, file: LandedFile, usage: Usage) -> dg.TableRecord:
    manifest = file.manifest
    return dg.TableRecord(
        {
            "account": account,
            "path": file.path,
            "state": manifest.state,
            "month_state": manifest.month_state or "",
            "customers": len(manifest.slices),
            "rows": manifest.rows,
            "expected_rows": "" if manifest.expected_rows is None else str(manifest.expected_rows),
            "requests": usage.requests,
            "share_of_limit": round(usage.share, 4),
        }
    )
