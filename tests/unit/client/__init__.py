"""Tests of pipelines/client."""
