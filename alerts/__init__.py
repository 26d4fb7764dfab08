"""Incidents, what a person reads of them, and the channels that carry it to that person."""
