"""The jobs: one per partition kind of raw assets (Dagster cannot mix them), one for models and release.

Raw jobs never contain models: a step that failed for one dataset would skip what the others landed.
"""

import dagster as dg

from assets.models import models
from assets.raw import days, months, snapshots

NO_RETRY = {"dagster/retry_on_asset_or_op_failure": "false"}
"""The client retries what is transient inside a total time; run retries are for lost processes only."""

SNAPSHOTS_JOB = dg.define_asset_job(
    "snapshots_job",
    selection=dg.AssetSelection.assets(snapshots),
    tags=NO_RETRY,
    description="Takes lists, credits and vouchers as of now.",
)
DAYS_JOB = dg.define_asset_job(
    "days_job",
    selection=dg.AssetSelection.assets(days),
    tags=NO_RETRY,
    description="Asks and lands one day's bills.",
)
MONTH_JOB = dg.define_asset_job(
    "month_job",
    selection=dg.AssetSelection.assets(months),
    tags=NO_RETRY,
    description="Asks and lands one bill month.",
)
MODELS_JOB = dg.define_asset_job(
    "models_job",
    selection=dg.AssetSelection.assets(models),
    tags=NO_RETRY,
    description="Builds the models from what is landed and publishes a release.",
)
