"""The pipeline in plain Python, without Dagster. `assets` runs it with Dagster."""

__version__ = "0.1.0"
