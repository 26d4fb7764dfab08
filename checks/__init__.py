"""Checks: profiles of rows, statistics between them, and verdicts; pure computation."""
