"""Payments as facts of the ledger: money in through a provider, refunds back through it, money out by bank transfer.

Provider events are wake-up calls. The inbox fetches the whole truth and posts each fact once under its key; what we ask
of the provider is a call row with a frozen body and its own idempotency key; a sweep finds what no webhook told.
No provider is called inside a database transaction.
"""
