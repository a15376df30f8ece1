"""Tests of one stage at a time, mirroring pipelines/."""
