"""The sensor that starts a build once landed files are newer than the release and no run is active.

It does not matter how the files were landed: by a schedule, a backfill or the command line.
"""

import json
import time
from hashlib import sha256
from pathlib import Path

import dagster as dg

from assets.jobs import MODELS_JOB
from assets.resources import Workspace
from pipelines import locks, paths, publish
from pipelines.errors import BillEtlError
from pipelines.land import landed_files

ATTEMPTS = 3
"""Builds to try for the same landed files; after that a person must look."""

_SECONDS_UNTIL_LOCKED = 60.0
_NOT_STARTED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]


@dg.sensor(
    target=MODELS_JOB,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts models_job once landed files are newer than the release and no landing or build is running.",
)
def build_when_landed(context: dg.SensorEvaluationContext, workspace: Workspace) -> dg.RunRequest | dg.SkipReason:
    """Request one build after the last landing, or say why none is due."""
    try:
        settings = workspace.settings()
        home = settings.home
        if publish.is_current(home, masked=settings.masked):
            return dg.SkipReason("The release is built from every landed file.")
        landings = sha256("".join(file.digest for file in landed_files(home)).encode()).hexdigest()
    except BillEtlError as error:
        return dg.SkipReason(str(error))
    if _is_busy(context.instance, home):
        return dg.SkipReason("A landing or a build is running.")
    attempts = json.loads(context.cursor or "{}")
    attempt = attempts.get(landings, 0) + 1
    if attempt > ATTEMPTS:
        return dg.SkipReason(
            f"{ATTEMPTS} builds of the same landed files have failed: see their runs, then start models_job by hand."
        )
    context.update_cursor(json.dumps({landings: attempt}))
    return dg.RunRequest(run_key=f"{landings} {attempt}")


def _is_busy(instance: dg.DagsterInstance, home: Path) -> bool:
    """Return whether a run is queued, has just started or holds a lock of this home. Killed runs hold none."""
    if instance.get_runs(filters=dg.RunsFilter(statuses=_NOT_STARTED), limit=1):
        return True
    started = instance.get_run_records(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    if any(time.time() - (record.start_time or 0) < _SECONDS_UNTIL_LOCKED for record in started):
        return True
    return any(locks.is_held(lock) for lock in paths.locks_folder(home).rglob("*.lock"))
