"""The offline verifier: needs files, this package, `ledger.log`, `ledger.errors` and `cryptography`; nothing else."""
