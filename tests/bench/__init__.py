"""Measurements; nothing here runs with the tests."""
