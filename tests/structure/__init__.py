"""Tests of the repository itself: its files, pages, names and snapshots."""
