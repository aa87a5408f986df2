"""Calls that come in from providers."""
