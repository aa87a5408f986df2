"""Adapters of payment providers, and the sandbox that plays one."""
