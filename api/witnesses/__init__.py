"""Witnesses of the log: the call to one over HTTP, and serving as one."""
