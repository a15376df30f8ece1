"""The raw assets: one per dataset of the catalogue, landed as Parquet, with the check that each landing emits.

All months of one partition are one step: limits are per action, so asking side by side costs the time of the slowest.
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
from assets.partitions import MONTHS
from assets.progress import Telling
from assets.resources import Books
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Dataset, PartitionKind
from pipelines.errors import BillEtlError, SettingError
from pipelines.land import LINEAGE, LandedCustomer, LandedFile
from pipelines.pages import EXTRA, Proof, exact_sum
from pipelines.periods import BillMonth, asked_month
from pipelines.refresh import Outcome, Run, Usage, asked_of, refresh
from pipelines.settings import Account, Settings

CHECK = "every_customer_is_whole"
LAKE = dg.AssetSpec(
    "lake",
    group_name="raw",
    description="Marks what is landed: its data version changes with every landing, so that models show as stale.",
)


class Accounts(dg.Config):
    """Which accounts a run covers; all configured ones if none is named."""

    accounts: list[str] = []  # noqa: RUF012  pydantic copies it


def key(dataset: Dataset) -> dg.AssetKey:
    """The asset of a dataset."""
    return dg.AssetKey(["raw", dataset.name])


def of_kind(kind: PartitionKind) -> list[Dataset]:
    """The datasets that are partitioned so."""
    return [dataset for dataset in DATASETS.values() if dataset.partition is kind]


def _spec(dataset: Dataset, deps: Sequence[dg.AssetKey] = ()) -> dg.AssetSpec:
    fields = dataset.action.row_fields
    columns = [dg.TableColumn(field.name, "text", description=f"{field.type} in the API") for field in fields]
    return dg.AssetSpec(
        key(dataset),
        deps=deps,
        group_name="raw",
        skippable=True,
        kinds={"parquet"},
        description=f"{dataset.action.name}, at most {dataset.action.limit} requests a second.",
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
    )


def _check(dataset: Dataset) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        CHECK,
        asset=key(dataset),
        description="Every customer's rows are complete and proven; names those that are not.",
    )


SNAPSHOTS = of_kind(PartitionKind.SNAPSHOT_DATE)
MONTHLY = of_kind(PartitionKind.BILL_MONTH)
_CUSTOMERS = key(DATASETS["customers"])


@dg.multi_asset(
    name="snapshots",
    specs=[_spec(dataset) for dataset in SNAPSHOTS],
    check_specs=[_check(dataset) for dataset in SNAPSHOTS],
    can_subset=True,
)
def snapshots(context: dg.AssetExecutionContext, config: Accounts, books: Books) -> Iterator[object]:
    """Lists as of now; a second one on a day replaces the first."""
    yield from _landing(context, config, books, None)


@dg.multi_asset(
    name="months",
    specs=[_spec(dataset, [_CUSTOMERS]) for dataset in MONTHLY],
    check_specs=[_check(dataset) for dataset in MONTHLY],
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def months(context: dg.AssetExecutionContext, config: Accounts, books: Books) -> Iterator[object]:
    """A month's bills of every account; takes the day's customer list first if it is not there."""
    yield from _landing(context, config, books, context.partition_key)


def _landing(context: dg.AssetExecutionContext, config: Accounts, books: Books, month: str | None) -> Iterator[object]:
    """Yield each dataset's result as its last account is done; fail at the end if any account's landing failed."""
    selected = {asset.path[-1] for asset in context.selected_asset_keys}
    datasets = [dataset for name, dataset in DATASETS.items() if name in selected]
    failures: list[BillEtlError] = []
    try:
        for dataset, outcomes in _by_dataset(context, config, books, datasets, month):
            failures += [outcome.error for outcome in outcomes if outcome.error]
            yield from _results(context, dataset, outcomes)
    except BillEtlError as error:
        failures.append(error)
    if failures:
        raise failure(failures)


def _by_dataset(
    context: dg.AssetExecutionContext, config: Accounts, books: Books, datasets: list[Dataset], month: str | None
) -> Iterator[tuple[Dataset, list[Outcome]]]:
    """Run the refresh a step at a time; give a dataset when every account that may ask it has answered."""
    settings = books.settings()
    bill_month = asked_month(month, settings.clock.now()) if month else None
    accounts = settings.named(config.accounts)
    expected = {dataset.name: _askers(context, dataset, accounts) for dataset in datasets}
    if not any(expected.values()):
        raise SettingError("No configured account's role may ask any of the selected datasets; see BILL_ETL_ROLE.")
    answered: defaultdict[str, list[Outcome]] = defaultdict(list)
    with (
        asyncio.Runner() as runner,
        Telling(context.log, {account.name: account.limits for account in accounts}) as telling,
    ):
        run = books.run(settings, context.run.root_run_id or context.run.run_id, telling.tell)
        outcomes = _outcomes(books, settings, config, run, datasets, bill_month)
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
    books: Books, settings: Settings, config: Accounts, run: Run, datasets: list[Dataset], month: BillMonth | None
) -> AsyncGenerator[Outcome, None]:
    async with (
        books.sources(settings, config.accounts) as sources,
        aclosing(refresh(run, sources, datasets, month)) as outcomes,
    ):
        async for outcome in outcomes:
            yield outcome


async def _next(outcomes: AsyncGenerator[Outcome, None]) -> Outcome | None:
    return await anext(outcomes, None)


def _askers(context: dg.AssetExecutionContext, dataset: Dataset, accounts: Sequence[Account]) -> int:
    """Count the accounts whose role may ask a dataset, and say which are skipped."""
    skipped = [account for account in accounts if not asked_of(account.role, [dataset])]
    for account in skipped:
        context.log.info("%s is not asked of '%s': a %s may not ask it.", dataset.name, account.name, account.role)
    return len(accounts) - len(skipped)


def _results(context: dg.AssetExecutionContext, dataset: Dataset, outcomes: list[Outcome]) -> Iterator[object]:
    """Report a dataset: its materialisation if anything landed, its check either way, and that the lake changed."""
    files = [outcome.file for outcome in outcomes if outcome.file]
    checked = dg.AssetCheckKey(key(dataset), CHECK) in context.selected_asset_check_keys
    checks = [_checked(dataset, outcomes)] if checked else []
    if not files:
        yield from checks
        return
    metadata = _metadata(outcomes)
    if key(dataset) in context.selected_asset_keys:
        yield dg.MaterializeResult(asset_key=key(dataset), metadata=metadata, check_results=checks)
    else:  # the day's customer list, taken besides a month
        context.log_event(dg.AssetMaterialization(key(dataset), metadata=metadata))
    version = sha256("".join(file.digest for file in files).encode()).hexdigest()
    context.log_event(dg.AssetMaterialization(LAKE.key, tags={"dagster/data_version": version}))


def _checked(dataset: Dataset, outcomes: list[Outcome]) -> dg.AssetCheckResult:
    """Say who is not whole; a refusal for a customer that is no longer listed is a warning."""
    faulty = [(o.account, c) for o in outcomes if o.file for c in o.file.manifest.customers if c.proof != Proof.PROVEN]
    errors = [f"account '{outcome.account}': {outcome.error}" for outcome in outcomes if outcome.error]
    excused = not errors and all(customer.is_excused for _, customer in faulty)
    return dg.AssetCheckResult(
        asset_key=key(dataset),
        check_name=CHECK,
        passed=not faulty and not errors,
        severity=dg.AssetCheckSeverity.WARN if excused else dg.AssetCheckSeverity.ERROR,
        description="\n".join(errors + [_named(account, customer) for account, customer in faulty]) or None,
        metadata={"customers": len(faulty)},
    )


def _named(account: str, customer: LandedCustomer) -> str:
    who = f"customer {customer.customer_uin}" if customer.customer_uin else "the whole list"
    return f"account '{account}', {who}: {customer.proof}: {customer.reason}"


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
            "customers": len(manifest.customers),
            "rows": manifest.rows,
            "expected_rows": "" if manifest.expected_rows is None else str(manifest.expected_rows),
            "requests": usage.requests,
            "share_of_limit": round(usage.share, 4),
        }
    )
