"""Tests of pipelines/model."""
