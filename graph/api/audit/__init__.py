"""The audit: who changed what belongs to no execution."""
