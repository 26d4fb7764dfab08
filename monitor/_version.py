"""The version of modelmon."""

__version__ = "0.1.0"
