"""The bank twin: it holds our accounts, takes our order files and writes our statements, by the sandbox's clock.

It reads and writes XML by its own small means, so that a mistake of `ledger.payments.iso20022` is not made here again.
A day ends when the clock moves past it; then files that were handed in are answered, orders whose day has come are
booked, and every account of ours gets its statement.
"""

CLIENT_IBAN = "BE42096550100054"
"""The client account, 550100."""
OWN_IBAN = "BE03096550200084"
"""The platform's own account, 550200."""
BIC = "GKCCBEBB"
CREDITOR_IDENTIFIER = "BE81ZZZ0801234549"
"""Under which the twin knows us as a collector of direct debits."""
