"""Tests of the SQL models and checks: given rows in, expected rows out."""
