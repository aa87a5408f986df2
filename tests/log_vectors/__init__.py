"""Makes the published vectors of the log, positive and negative: `python -m tests.log_vectors`."""
