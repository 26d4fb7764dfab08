"""One file a migration; a migration that was released never changes."""
