"""Tests of pipelines/land."""
