"""The record of value and its proof: accounts, entries, postings, log, audit, payments as ledger facts."""
