"""The raw assets: one per dataset of the catalogue, landed as Parquet, with the checks that each landing emits.

All datasets of one partition are one step: limits are per action, so asking side by side costs the time of the slowest.
What is asked and how it lands is `pipelines.refresh`'s business.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
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
from pipelines.periods import parse_bill_date, parse_bill_month
from pipelines.refresh import Outcome, PartitionKey, RefreshContext, Usage, refresh
from pipelines.settings import Account, Settings

WHOLE = "every_customer_is_whole"
KNOWN = "every_field_is_as_known"
LAKE = dg.AssetSpec(
    "lake",
    group_name="raw",
    description="Marks what is landed: its data version changes with every landing, so that models show as stale.",
)


class RefreshConfig(dg.Config):
    """Which accounts a run covers, all configured ones if none is named; `full`: also what nothing says has changed;
    `unproven`: of a month whose bill is out only what was not proven since, as the schedule asks.
    """

    accounts: list[str] = []  # noqa: RUF012  pydantic copies it
    full: bool = False
    unproven: bool = False


def raw_asset_key(dataset: Dataset) -> dg.AssetKey:
    """The asset of a dataset."""
    return dg.AssetKey(["raw", dataset.name])


def of_kind(kind: PartitionKind) -> list[Dataset]:
    """The datasets that are partitioned so."""
    return [dataset for dataset in DATASETS.values() if dataset.partition is kind]


def _spec(dataset: Dataset, deps: Sequence[dg.AssetKey] = ()) -> dg.AssetSpec:
    columns = [dg.TableColumn(field.name, "text", description=f"{field.type} in the API") for field in dataset.fields]
    return dg.AssetSpec(
        raw_asset_key(dataset),
        deps=deps,
        group_name="raw",
        skippable=True,
        kinds={"parquet"},
        description=f"{dataset.action.name}, at most {dataset.action.limit} requests a second.",
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
    )


def _checks(datasets: Sequence[Dataset]) -> list[dg.AssetCheckSpec]:
    whole = "Every customer's rows are complete and proven; names those that are not."
    known = "No field is new, lost or newly empty, and no code unknown; names those that are, and since when."
    specs = [(WHOLE, whole), (KNOWN, known)]
    return [
        dg.AssetCheckSpec(name, asset=raw_asset_key(dataset), description=text)
        for dataset in datasets
        for name, text in specs
    ]


SNAPSHOTS = of_kind(PartitionKind.SNAPSHOT_DATE)
DAILY = of_kind(PartitionKind.BILL_DATE)
MONTHLY = of_kind(PartitionKind.BILL_MONTH)
_CUSTOMERS = raw_asset_key(DATASETS["customers"])


@dg.multi_asset(
    name="snapshots",
    specs=[_spec(dataset) for dataset in SNAPSHOTS],
    check_specs=_checks(SNAPSHOTS),
    can_subset=True,
)
def snapshots(context: dg.AssetExecutionContext, config: RefreshConfig, workspace: Workspace) -> Iterator[object]:
    """Lists, credits and vouchers as of now; a second one on a day replaces the first."""
    yield from _landing(context, config, workspace)


@dg.multi_asset(
    name="days",
    specs=[_spec(dataset, [_CUSTOMERS]) for dataset in DAILY],
    check_specs=_checks(DAILY),
    partitions_def=DAYS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def days(context: dg.AssetExecutionContext, config: RefreshConfig, workspace: Workspace) -> Iterator[object]:
    """A day's bills of every account's customers; months ask the last days themselves."""
    yield from _landing(context, config, workspace)


@dg.multi_asset(
    name="months",
    specs=[_spec(dataset, [_CUSTOMERS]) for dataset in MONTHLY],
    check_specs=_checks(MONTHLY),
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def months(context: dg.AssetExecutionContext, config: RefreshConfig, workspace: Workspace) -> Iterator[object]:
    """A month's bills of every account; takes the day's lists first, and of an open month the last days."""
    yield from _landing(context, config, workspace)


def _landing(context: dg.AssetExecutionContext, config: RefreshConfig, workspace: Workspace) -> Iterator[object]:
    """Yield each dataset's result as its last account is done; fail at the end if any account's landing failed."""
    selected = {asset.path[-1] for asset in context.selected_asset_keys}
    datasets = [dataset for name, dataset in DATASETS.items() if name in selected]
    failures: list[BillEtlError] = []
    try:
        settings = workspace.settings()
        for dataset, outcomes in _by_dataset(context, config, workspace, settings, datasets):
            failures += [outcome.error for outcome in outcomes if outcome.error]
            yield from _results(context, settings, dataset, outcomes)
    except BillEtlError as error:
        failures.append(error)
    if failures:
        raise failure(failures)


def _key(context: dg.AssetExecutionContext, settings: Settings) -> PartitionKey:
    """Return what the run's partition stands for. Raises SettingError for one that cannot have bills (yet)."""
    if not context.has_partition_key:
        return None
    asked = parse_bill_month if context.assets_def.partitions_def == MONTHS else parse_bill_date
    return asked(context.partition_key, settings.clock.now())


def _by_dataset(
    context: dg.AssetExecutionContext,
    config: RefreshConfig,
    workspace: Workspace,
    settings: Settings,
    datasets: list[Dataset],
) -> Iterator[tuple[Dataset, list[Outcome]]]:
    """Run the refresh a step at a time; give a dataset when every account that is asked for it has answered."""
    asked = _key(context, settings)
    accounts = settings.accounts_named(config.accounts)
    expected = {dataset.name: _account_count(context, dataset, accounts) for dataset in datasets}
    if not any(expected.values()):
        raise SettingError("No configured account's role may ask any of the selected datasets; see BILL_ETL_ROLE.")
    answered: defaultdict[str, list[Outcome]] = defaultdict(list)
    with (
        asyncio.Runner() as runner,
        ProgressReport(context.log, {account.name: account.limits for account in accounts}) as telling,
    ):
        run = workspace.run(
            settings, context.run.root_run_id or context.run.run_id, telling, full=config.full, unproven=config.unproven
        )
        outcomes = _outcomes(workspace, settings, config, run, datasets, asked)
        try:
            while (outcome := runner.run(_next(outcomes))) is not None:
                name = outcome.dataset.name
                answered[name].append(outcome)
                if len(answered[name]) == expected.get(name, 1):
                    yield outcome.dataset, answered.pop(name)
        finally:
            runner.run(_ended(outcomes))


async def _ended(outcomes: AsyncGenerator[Outcome, None]) -> None:
    """End what is under way, also where ctrl-C left it in the middle; its pages are kept."""
    under_way = asyncio.all_tasks() - {asyncio.current_task()}
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    await outcomes.aclose()


async def _outcomes(
    workspace: Workspace,
    settings: Settings,
    config: RefreshConfig,
    run: RefreshContext,
    datasets: list[Dataset],
    asked: PartitionKey,
) -> AsyncGenerator[Outcome, None]:
    async with (
        workspace.account_clients(settings, config.accounts) as account_clients,
        aclosing(refresh(run, account_clients, datasets, asked)) as outcomes,
    ):
        async for outcome in outcomes:
            yield outcome


async def _next(outcomes: AsyncGenerator[Outcome, None]) -> Outcome | None:
    return await anext(outcomes, None)


def _account_count(context: dg.AssetExecutionContext, dataset: Dataset, accounts: Sequence[Account]) -> int:
    """Count the accounts that are asked for a dataset, and say which are skipped and why."""
    reasons = {account.name: why_skipped(account.profile, dataset) for account in accounts}
    for account, reason in reasons.items():
        if reason:
            context.log.info("%s is not asked of '%s': %s.", dataset.name, account, reason)
    return sum(not reason for reason in reasons.values())


def _results(
    context: dg.AssetExecutionContext, settings: Settings, dataset: Dataset, outcomes: list[Outcome]
) -> Iterator[object]:
    """Report a dataset: its materialisation if anything is landed, its checks, and that the lake changed."""
    files = [outcome.file for outcome in outcomes if outcome.file]
    if not files and not any(outcome.error for outcome in outcomes):
        return
    checks = [
        check
        for check in (_whole(dataset, outcomes), _known(settings, dataset, files))
        if dg.AssetCheckKey(raw_asset_key(dataset), check.check_name or "") in context.selected_asset_check_keys
    ]
    if not files:
        yield from checks
        return
    metadata = _metadata(outcomes)
    if raw_asset_key(dataset) in context.selected_asset_keys:
        yield dg.MaterializeResult(asset_key=raw_asset_key(dataset), metadata=metadata, check_results=checks)
    else:  # a list or a day, taken besides
        day = outcomes[0].partition_key if dataset.partition is PartitionKind.BILL_DATE else None
        context.log_event(dg.AssetMaterialization(raw_asset_key(dataset), metadata=metadata, partition=day))
    version = sha256("".join(file.digest for file in files).encode()).hexdigest()
    context.log_event(dg.AssetMaterialization(LAKE.key, tags={"dagster/data_version": version}))


def _known(settings: Settings, dataset: Dataset, files: list[LandedFile]) -> dg.AssetCheckResult:
    """Say how what came differs in shape from what is known; only ever a warning, since nothing of it is lost."""
    sightings = [(file.manifest.account, sighting) for file in files for sighting in drift_of(settings.home, file)]
    return dg.AssetCheckResult(
        asset_key=raw_asset_key(dataset),
        check_name=KNOWN,
        passed=not sightings,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(_seen(account, sighting) for account, sighting in sightings) or None,
        metadata={"sightings": len(sightings)},
    )


def _seen(account: str, sighting: Sighting) -> str:
    value = "" if sighting.value is None else f" '{sighting.value}'"
    what = f"{sighting.kind.replace('_', ' ')}: {sighting.field}{value}"
    return f"account '{account}': {what}, first seen {sighting.first_seen_at} in {sighting.first_key}"


def _whole(dataset: Dataset, outcomes: list[Outcome]) -> dg.AssetCheckResult:
    """Say who is not whole; a refusal for a customer that is no longer listed is a warning."""
    faulty = [(o.account, c) for o in outcomes if o.file for c in o.file.manifest.slices if c.proof != Proof.PROVEN]
    errors = [f"account '{outcome.account}': {outcome.error}" for outcome in outcomes if outcome.error]
    excused = not errors and all(customer.is_excused for _, customer in faulty)
    return dg.AssetCheckResult(
        asset_key=raw_asset_key(dataset),
        check_name=WHOLE,
        passed=not faulty and not errors,
        severity=dg.AssetCheckSeverity.WARN if excused else dg.AssetCheckSeverity.ERROR,
        description="\n".join(errors + [_named(account, customer) for account, customer in faulty]) or None,
        metadata={"customers": len(faulty)},
    )


def _named(account: str, customer: SliceState) -> str:
    who = (
        f"customer {customer.customer_uin}"
        if customer.customer_uin
        else ""
        if customer.slice_params
        else "the whole list"
    )
    return f"account '{account}', {' '.join(filter(None, (who, customer.slice_params)))}: {customer.proof}: {customer.reason}"


def _metadata(outcomes: list[Outcome]) -> dict[str, dg.MetadataValue]:
    """What a landing was, over all accounts, and account by account."""
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
        "why_skipped": dg.MetadataValue.text("; ".join(sorted({o.skipped for o in outcomes if o.skipped}))),
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
