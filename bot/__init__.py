"""Speaks Discord and the terminal; knows articles only through ``from index import ...``."""
