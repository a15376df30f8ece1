"""The lake becomes tables, by the files in `sql/`, in DuckDB. Nothing here can reach the network."""

from __future__ import annotations

from pipelines.model.project import Check, Model, Project, read_project

__all__ = ["Check", "Model", "Project", "read_project"]
