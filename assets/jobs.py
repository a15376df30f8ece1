"""The jobs: one for each kind of partition of the raw assets (Dagster cannot mix them), and one for models and release.

Raw jobs contain no models: if one dataset failed, Dagster would skip the models, and so the other datasets' data.
"""

import dagster as dg

from assets.models import models
from assets.raw import days, months, snapshots

NO_RETRY = {"dagster/retry_on_asset_or_op_failure": "false"}
"""The client already retries transient failures, within a total time. Run retries are for lost processes only."""

SNAPSHOTS_JOB = dg.define_asset_job(
    "snapshots_job",
    selection=dg.AssetSelection.assets(snapshots),
    tags=NO_RETRY,
    description="Fetches lists, credits and vouchers as of now.",
)
DAYS_JOB = dg.define_asset_job(
    "days_job",
    selection=dg.AssetSelection.assets(days),
    tags=NO_RETRY,
    description="Fetches and lands the costs of one day.",
)
MONTH_JOB = dg.define_asset_job(
    "month_job",
    selection=dg.AssetSelection.assets(months),
    tags=NO_RETRY,
    description="Fetches and lands the bills of one month.",
)
MODELS_JOB = dg.define_asset_job(
    "models_job",
    selection=dg.AssetSelection.assets(models),
    tags=NO_RETRY,
    description="Builds all models from the landed files, checks them and publishes a release.",
)
