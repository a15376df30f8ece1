"""Runs jobs in this process, recorded in Dagster's instance, and returns their results as plain values.

`__main__` prints the results and derives the exit code.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from typing import Any, cast

import dagster as dg

from assets.definitions import build_defs
from assets.raw import RefreshConfig, months, raw_asset_key, snapshots
from assets.resources import ROOT
from pipelines import paths
from pipelines.endpoints.shapes import Dataset
from pipelines.errors import StorageFailed
from pipelines.periods import BillMonth

INTERRUPTED = "Interrupted"
"""The kind of failure of a run that ctrl-C ended."""

_OPS = {"snapshots_job": snapshots.op.name, "month_job": months.op.name}


@dataclass(frozen=True)
class JobResult:
    """The result of a job.

    `messages` and `kinds` describe its failures. `is_whole` is false if a check failed that does more than warn;
    `failed_checks` has a line for each check that failed or warns. `requests`, `throttled` and `share` (of the allowed
    rate, 1.0 is all of it) are its use of the API.
    """

    success: bool
    seconds: float
    messages: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    is_whole: bool = True
    failed_checks: list[str] = field(default_factory=list)
    has_landed: bool = False
    requests: int = 0
    throttled: int = 0
    share: float = 0.0


@contextmanager
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open this home's Dagster instance. Raises StorageFailed."""
    prepare(home)
    with dg.DagsterInstance.get() as opened:
        yield opened


def prepare(home: Path) -> None:
    """Create this home's Dagster folder with the settings of deploy/dagster.yaml, and point DAGSTER_HOME to it.

    Raises StorageFailed.
    """
    folder = paths.dagster_home(home).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours, theirs = ROOT / "deploy" / "dagster.yaml", folder / "dagster.yaml"
        if not theirs.exists() or theirs.read_bytes() != ours.read_bytes():
            copyfile(ours, folder / "dagster.yaml.new")
            # A running daemon reads the old file or the new one, never half of it.
            (folder / "dagster.yaml.new").replace(theirs)
    except OSError as error:
        raise StorageFailed(
            f"Dagster's state cannot be stored in {folder}: {error.strerror or error}. "
            "Make it writable, or set BILL_ETL_HOME to another folder."
        ) from None
    os.environ["DAGSTER_HOME"] = str(folder)


def execute(
    dagster_instance: dg.DagsterInstance,
    job: str,
    refresh_config: RefreshConfig | None = None,
    bill_month: BillMonth | None = None,
    datasets: Sequence[Dataset] = (),
) -> JobResult:
    """Run a job in this process and return its result; of a raw job only `datasets`, if given.

    Nothing is raised and nothing is logged to the console: failures are in the result.
    """
    began = time.monotonic()
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if refresh_config:
        config["ops"] = {_OPS[job]: {"config": refresh_config.model_dump()}}
    result = (
        build_defs()
        .resolve_job_def(job)
        .execute_in_process(
            instance=dagster_instance,
            partition_key=bill_month.key if bill_month else None,
            run_config=config,
            asset_selection=[raw_asset_key(dataset) for dataset in datasets] or None,
            raise_on_error=False,
        )
    )
    failures = [_failure(event) for event in result.all_events if event.is_step_failure]
    usages = [event.materialization.metadata for event in result.get_asset_materialization_events()]
    checks = [check for check in result.get_asset_check_evaluations() if not check.passed]
    return JobResult(
        success=result.success,
        seconds=time.monotonic() - began,
        messages=[message for message, _ in failures],
        kinds=[kind for _, kinds in failures for kind in kinds],
        is_whole=all(check.severity is dg.AssetCheckSeverity.WARN for check in checks),
        failed_checks=[f"{check.asset_key.path[-1]}: {check.description or check.check_name}" for check in checks],
        has_landed=bool(usages),
        requests=int(sum(_number(usage, "requests") for usage in usages)),
        throttled=int(sum(_number(usage, "throttled") for usage in usages)),
        share=max((_number(usage, "share_of_limit") for usage in usages), default=0.0),
    )


def _number(metadata: Any, name: str) -> float:
    return cast("float", metadata[name].value) if name in metadata else 0


def _failure(event: dg.DagsterEvent) -> tuple[str, list[str]]:
    """Return the message of a failed step, for a person, and the kinds of its failures."""
    data = event.step_failure_data
    if data.user_failure_data:
        kinds = cast("list[str]", data.user_failure_data.metadata["kinds"].value)
        return data.user_failure_data.description or "", kinds
    error = data.error
    while error and error.cause:
        error = error.cause
    message = error.message.strip() if error else "no message"
    if dg.DagsterExecutionInterruptedError.__name__ in message:
        return "Interrupted. The pages received so far are kept: run again to continue.", [INTERRUPTED]
    hint = "This is a bug in bill-etl; its run in the UI has the stack trace."
    return f"{event.step_key} failed unexpectedly: {message}\n{hint}", ["Unexpected"]
