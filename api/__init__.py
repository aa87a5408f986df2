"""Every edge: HTTP, webhooks, worker, command line, provider adapters, wiring and migrations."""
