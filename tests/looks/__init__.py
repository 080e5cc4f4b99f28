"""Layer 4 of the tests: what the messages look like, for eyes to judge."""
