"""Given these rows, that model gives those."""
