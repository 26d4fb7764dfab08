"""What ours is measured against: scripts that need nothing of this repository."""
