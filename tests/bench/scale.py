"""How much is measured: in full, or a hundredth of it to see that everything runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers of entries, accounts and repetitions.

    rounds, seconds   repetitions of a rate, and how long each takes
    small, grown      entries of the two books whose rates are compared; `accounts` of them, all open in both
    batches           units of work of 500 entries in a round on either
    history, later    entries of the one long account; how many of them are dated after a back-dated one
    samples           single readings and postings, of which medians are taken
    proved            entries of the log that is verified offline, whole and in a tenth of it
    audited           entries of the book that is audited and published
    imported          lines of the file that is imported
    statement_lines   lines of the bank statement that is read
    transfers         payments of the order file that is written
    webhook_seconds   how long webhooks come in at 200 a second
    serviced          running loans, of which a fifth is due on the day
    ballots           voters of a vote, all of whom send a ballot
    holders           holders of a bond whose coupon is paid
    """

    name: str
    rounds: int
    seconds: int
    small: int
    grown: int
    accounts: int
    batches: int
    history: int
    later: int
    samples: int
    audited: int
    proved: int
    imported: int
    statement_lines: int
    transfers: int
    webhook_seconds: int
    serviced: int
    ballots: int
    holders: int


FULL = Scale(
    "full", rounds=3, seconds=2, small=100_000, grown=10_000_000, accounts=100_000, batches=30,
    history=1_000_000, later=100_000, samples=50, audited=100_000, proved=1_000_000, imported=100_000,
    statement_lines=10_000, transfers=100_000, webhook_seconds=60,
    serviced=10_000, ballots=100_000, holders=100_000,
)  # fmt: skip
QUICK = Scale(
    "quick", rounds=1, seconds=1, small=1_000, grown=100_000, accounts=1_000, batches=4,
    history=10_000, later=1_000, samples=20, audited=2_000, proved=10_000, imported=2_000,
    statement_lines=100, transfers=1_000, webhook_seconds=3, serviced=100, ballots=1_000,
    holders=1_000,
)  # fmt: skip
