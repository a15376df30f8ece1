"""The Dagster side of the pipeline: assets, jobs, schedules and the sensor. Only this package imports dagster."""
