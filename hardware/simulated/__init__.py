"""A telephone network in memory: for tests and for the telephone in the browser."""
