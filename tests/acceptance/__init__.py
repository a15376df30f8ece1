"""Tests that need a program or an environment of its own: `make acceptance`."""
