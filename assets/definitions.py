"""The code location: all definitions put together. Loading it reads one setting only, the time of the daily runs."""

import dagster as dg

from assets.jobs import DAYS_JOB, MODELS_JOB, MONTH_JOB, SNAPSHOTS_JOB
from assets.models import UNPUBLISHED, models
from assets.raw import LAKE, days, months, snapshots
from assets.resources import Workspace
from assets.schedules import daily_months, daily_snapshots
from assets.sensors import build_when_landed


def build_defs(**resources: object) -> dg.Definitions:
    """Return the definitions; tests replace resources by name."""
    return dg.Definitions(
        assets=[LAKE, snapshots, days, months, *UNPUBLISHED, models],
        jobs=[SNAPSHOTS_JOB, DAYS_JOB, MONTH_JOB, MODELS_JOB],
        schedules=[daily_snapshots, daily_months],
        sensors=[build_when_landed],
        resources={"workspace": Workspace(), **resources},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Load the code location."""
    return build_defs()
