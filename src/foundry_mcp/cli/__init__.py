"""A person's way in."""
