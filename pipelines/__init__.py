"""The pipeline as plain Python that has never heard of Dagster; `assets/` is its orchestrated face."""

__version__ = "0.1.0"
