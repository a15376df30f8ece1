"""Dagster's face of the pipeline and nothing else; the only importer of dagster."""
