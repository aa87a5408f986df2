"""Where providers knock."""
