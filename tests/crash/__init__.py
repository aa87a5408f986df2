"""The crash run: writer processes killed at random while they post, and a count of what that has cost."""
