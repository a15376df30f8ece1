"""Tests that the repository is what it says it is."""
