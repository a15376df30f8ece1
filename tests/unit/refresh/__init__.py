"""Tests of `pipelines.refresh`."""
