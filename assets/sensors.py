"""The sensor that asks for a build when landings have settled: something landed that the release does not hold, and
nothing is under way. One build after the last landing, by whatever route the landings came.
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
"""Builds asked for of the same landings; a build that keeps failing waits for a person."""

_SECONDS_TO_TAKE_ITS_LOCK = 60.0
_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]


@dg.sensor(target=MODELS_JOB, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def build_when_landed(context: dg.SensorEvaluationContext, workspace: Workspace) -> dg.RunRequest | dg.SkipReason:
    """Ask for one build after the last landing."""
    try:
        settings = workspace.settings()
        home = settings.home
        if publish.is_current(home, masked=settings.masked):
            return dg.SkipReason("The release holds every landed file.")
        landings = sha256("".join(file.digest for file in landed_files(home)).encode()).hexdigest()
    except BillEtlError as error:
        return dg.SkipReason(str(error))
    if _is_under_way(context.instance, home):
        return dg.SkipReason("A landing or a build is under way.")
    asked = json.loads(context.cursor or "{}")
    attempt = asked.get(landings, 0) + 1
    if attempt > ATTEMPTS:
        return dg.SkipReason(f"{ATTEMPTS} builds of what is landed have failed; see their runs, then start models_job.")
    context.update_cursor(json.dumps({landings: attempt}))
    return dg.RunRequest(run_key=f"{landings} {attempt}")


def _is_under_way(instance: dg.DagsterInstance, home: Path) -> bool:
    """Tell whether runs wait or are just starting, or hold one of our locks; what a killed run held is free again."""
    if instance.get_runs(filters=dg.RunsFilter(statuses=_WAITING), limit=1):
        return True
    started = instance.get_run_records(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    if any(time.time() - (record.start_time or 0) < _SECONDS_TO_TAKE_ITS_LOCK for record in started):
        return True
    return any(locks.is_held(lock) for lock in paths.locks_folder(home).rglob("*.lock"))
