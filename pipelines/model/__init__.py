"""Builds tables from the lake in DuckDB, with the SQL in `sql/`. Nothing here uses the network."""

from __future__ import annotations

from pipelines.model.models import Check, Model
from pipelines.model.project import Project, read_project

__all__ = ["Check", "Model", "Project", "read_project"]
