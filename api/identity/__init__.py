"""Log-in: who is at the door, proved by a one-time link and kept as a session."""
