"""The catalogue's schema, step by step; each step runs in one transaction."""
