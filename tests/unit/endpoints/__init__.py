"""Tests of pipelines/endpoints."""
