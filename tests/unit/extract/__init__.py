"""Tests of pipelines/extract."""
