"""Programs that post the same load to other ledgers; each runs by itself, in an environment without this project."""
