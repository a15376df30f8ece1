"""The assets, schedules and sensor, run in process on a sandbox."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg
import pyarrow.parquet as pq
import pytest

from assets import sensors
from assets.definitions import build_defs
from assets.raw import PROVEN_CHECK
from assets.resources import Workspace
from pipelines import paths, publish
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import PartitionKind, Role
from pipelines.land import landed_files, read_manifest
from pipelines.locks import held
from pipelines.periods import MonthState
from pipelines.sandbox import Faults
from tests import lake
from tests.shared import copy

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.sandbox import Sandbox
    from tests.integration.conftest import CommandLine

OF_RESELLERS = [dataset for dataset in DATASETS.values() if Role.RESELLER in dataset.default_roles]
MONTHLY = sorted(dataset.name for dataset in OF_RESELLERS if dataset.partition is PartitionKind.BILL_MONTH)
LISTS = {"customers", "customer_vouchers"}
"""What months are asked of."""


@pytest.fixture
def home(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the settings of the command line to this process; nothing is landed yet."""
    for name, value in command.settings.items():
        monkeypatch.setenv(name, value)
    return command.home


@pytest.fixture
def landed(home: Path, month_home: Path) -> Path:
    """Give a home in which a month is landed and published."""
    return copy(month_home / "home", home)


def execute(job: str, instance: dg.DagsterInstance, **options: object) -> dg.ExecuteInProcessResult:
    """Run a job of the code location."""
    return build_defs().resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False, **options)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """Return the evaluations of the raw check, by dataset."""
    found = result.get_asset_check_evaluations()
    return {check.asset_key.path[-1]: check for check in found if check.check_name == PROVEN_CHECK}


def test_a_month_alone_takes_the_days_list_first_and_tells_what_it_cost(home: Path) -> None:
    """On a fresh home a month materialises everything, with rows, requests, cost and paths on each."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute("month_job", instance, partition_key="2026-10")
        assert result.success
        events = {e.asset_key.path[-1]: e.materialization.metadata for e in result.get_asset_materialization_events()}
    assert set(events) == {*MONTHLY, *LISTS, "lake"}
    detail = events["customer_bill_detail"]
    assert detail["dagster/row_count"].value == 900
    assert detail["requests"].value >= detail["pages"].value > 0
    assert detail["throttled"].value == 0
    assert set(detail["total_cost"].value) == {"USD"}
    assert (home / detail["accounts"].records[0].data["path"]).exists()
    assert all(check.passed for check in checks(result).values())


def test_a_subset_asks_only_its_own_actions(home: Path, sandbox: Sandbox) -> None:
    """Selecting one asset of the step runs one dataset, and its check alone."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute(
            "month_job", instance, partition_key="2026-10", asset_selection=[dg.AssetKey(["raw", MONTHLY[1]])]
        )
    assert result.success
    assert set(checks(result)) == {MONTHLY[1]}
    assert {asked.action for asked in sandbox.requests()} == {"DescribeCustomerUin", "DescribeBillSummaryByProduct"}


def test_a_month_that_cannot_be_is_refused_by_the_asset_itself(
    home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition may exist before its month does, by the billing clock; the step refuses it."""
    monkeypatch.setenv("BILL_ETL_NOW", "2026-10-31T23:59:59")
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute("month_job", instance, partition_key="2026-11")
    assert not result.success
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert "2026-10" in failure.user_failure_data.description
    assert sandbox.requests() == []


def test_a_refused_customer_is_a_failed_check_and_one_no_longer_listed_a_warning(
    landed: Path, sandbox: Sandbox
) -> None:
    """The check names who is not whole; nobody can do anything about a customer that left."""
    gone = sandbox.world.customer_uins[1]
    with dg.DagsterInstance.ephemeral() as instance:
        sandbox.faults = Faults(unbound=(gone,))
        result = execute("month_job", instance, partition_key="2026-10")
        assert result.success
        refused = checks(result)["customer_bill_detail"]
        assert (refused.passed, refused.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert gone in refused.description
        sandbox.faults = Faults(unbound=(gone,), unlisted=(gone,))
        assert execute("snapshots_job", instance).success
        left = checks(execute("month_job", instance, partition_key="2026-10"))["customer_bill_detail"]
        assert (left.passed, left.severity) == (False, dg.AssetCheckSeverity.WARN)
    [detail] = [file.manifest for file in landed_files(landed) if file.manifest.dataset == "customer_bill_detail"]
    kept = next(customer for customer in detail.slices if customer.customer_uin == gone)
    assert (kept.carried, detail.rows) == (True, 900), "the rows landed before are kept"


def test_one_accounts_failure_does_not_stop_anothers_landing(
    home: Path, command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is red and names the account, and the other one's month is landed."""
    accounts = tmp_path / "accounts.toml"
    north = accounts.read_text()
    accounts.write_text(north + north.replace("north", "south").replace("NORTH", "SOUTH"))
    monkeypatch.setenv("SOUTH_ID", command.variables["NORTH_ID"])
    monkeypatch.setenv("SOUTH_KEY", "a-wrong-key")
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute("month_job", instance, partition_key="2026-10")
    assert not result.success
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert "south" in failure.user_failure_data.description
    assert "SignatureFailure" in failure.user_failure_data.description
    found = {(file.manifest.account, file.manifest.dataset) for file in landed_files(home)}
    assert found == {("north", name) for name in (*MONTHLY, *LISTS)}


def test_the_sensor_asks_for_one_build_when_landings_have_settled(landed: Path) -> None:
    """Not while a landing is under way, once after it, and not again when the release holds it all."""
    shutil.rmtree(landed / "warehouse")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, resources={"workspace": Workspace()})
        with held(paths.partition_lock(landed, "north", "2026-10"), "a test"):
            assert isinstance(sensors.build_when_landed(context), dg.SkipReason)
        request = sensors.build_when_landed(context)
        assert isinstance(request, dg.RunRequest)
        assert execute("models_job", instance).success
        assert publish.is_current(landed)
        assert isinstance(sensors.build_when_landed(context), dg.SkipReason)


def test_the_sensor_gives_up_on_a_build_that_keeps_failing(landed: Path) -> None:
    """Three builds of the same landings are asked for, each under its own key; then a person must look."""
    shutil.rmtree(landed / "warehouse")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, resources={"workspace": Workspace()})
        requests = [sensors.build_when_landed(context) for _ in range(sensors.ATTEMPTS)]
        assert len({request.run_key for request in requests}) == sensors.ATTEMPTS == 3
        reason = sensors.build_when_landed(context)
        assert isinstance(reason, dg.SkipReason)
        assert "models_job" in reason.skip_message


def test_the_daily_schedule_asks_the_previous_month_until_it_was_pulled_whole_after_its_close(
    home: Path, month_home: Path
) -> None:
    """Keys are those of now, and one run a day and month whatever is replayed."""
    schedule = build_defs().resolve_schedule_def("daily_months")

    def asked(instance: dg.DagsterInstance) -> list[tuple[str, str, set[str] | None]]:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 11, 1),  # noqa: DTZ001  a tick long ago
            resources={"workspace": Workspace()},
            repository_def=build_defs().get_repository_def(),
        )
        return [
            (r.partition_key, r.run_key, {asset.path[-1] for asset in r.asset_selection} if r.asset_selection else None)
            for r in schedule.evaluate_tick(context).run_requests
        ]

    with dg.DagsterInstance.ephemeral() as instance:
        november, october = ("2026-11", "2026-11-20 2026-11"), ("2026-10", "2026-11-20 2026-10")
        assert asked(instance) == [(*november, None), (*october, set(MONTHLY))]
        copy(month_home / "home", home)
        assert asked(instance) == [(*november, None), (*october, {"customer_bill_unpaid"})], "something is still owed"
        for file in landed_files(home):
            if file.manifest.partition_key == "2026-10":
                rows = pq.ParquetFile(home / file.path).read()
                lake.write(home, rows, replace(file.manifest, month_state=MonthState.PROVISIONAL))
        assert asked(instance) == [(*november, None), (*october, set(MONTHLY))], "it landed before its bill was out"


def test_a_build_that_finds_nothing_to_do_repeats_what_the_checks_found(landed: Path) -> None:
    """The run of the models succeeds, builds nothing, and gives the results of all checks of the release."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute("models_job", instance)
    assert result.success
    assert result.get_asset_materialization_events() == []
    found = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert len(found) > 10
    assert all(found.values())


def test_a_failed_structural_check_stops_publication_and_is_a_failed_asset_check(
    landed: Path,
) -> None:
    """The run names the check; readers keep the last release."""
    before = paths.current_release(landed).resolve()
    [victim] = [file for file in landed_files(landed) if file.manifest.dataset == "customer_bill_detail"]
    _spoil(landed / victim.path)
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute("models_job", instance)
        assert not result.success
        broken = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
        assert broken == ["assert_every_landed_row_is_a_bill_line"]
    assert paths.current_release(landed).resolve() == before


def _spoil(file: Path) -> None:
    """Land a manifest that counts a row of one customer as another's."""
    manifest = read_manifest(file)
    first, second, *others = manifest.slices
    slices = (replace(first, rows=first.rows + 1), replace(second, rows=second.rows - 1), *others)
    lake.write(file.parents[5], pq.ParquetFile(file).read(), replace(manifest, slices=slices))
