"""PostgreSQL with pgvector in the place of SQLite and of files, for more than one machine."""
