"""Migrations of the state database, run by Alembic in the order of their numbers."""
