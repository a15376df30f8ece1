"""Builds tables from the lake in DuckDB, with the SQL in `sql/`. Nothing here uses the network."""

from __future__ import annotations

from pipelines.model.project import Check, Model, Project, read_project

__all__ = ["Check", "Model", "Project", "read_project"]
