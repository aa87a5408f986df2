"""A sandbox that plays Mollie on loopback: its own process, its own state, no real money.

It speaks the payment API v2 for payments, refunds and methods, calls webhooks, shows a checkout page, keeps a date of
its own that a control call moves, and can be told to fail in the ways a provider fails.
"""
