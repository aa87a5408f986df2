"""Who takes part: citizens, enterprises and staff, their identity kept apart so that it can be erased."""
