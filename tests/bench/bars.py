"""The bars: what is promised of the ledger on two cores with durable settings, and whether a run met it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise: the figure called `name` is at least, or at most, `target`; `what` may name numbers of the scale."""

    name: str
    what: str
    target: float
    unit: str
    at_most: bool = False

    def row(self, measured: Mapping[str, float], counts: Mapping[str, int]) -> str:
        """A row of the report: promise, target, figure, and in words whether it was met."""
        what = self.stated(counts)
        sign = "≤" if self.at_most else "≥"
        target = f"{sign} {number(self.target)} {self.unit}".rstrip()
        if self.name not in measured:
            return f"| {what} | {target} | - | not measured |"
        found = measured[self.name]
        met = found <= self.target if self.at_most else found >= self.target
        return f"| {what} | {target} | {number(found)} | {'met' if met else '**not met**'} |"

    def stated(self, counts: Mapping[str, int]) -> str:
        """The promise in words."""
        return self.what.format_map({name: f"{count:,}" for name, count in counts.items()})

    def is_missed(self, measured: Mapping[str, float]) -> bool:
        """Whether the figure was measured and falls short."""
        if self.name not in measured:
            return False
        found = measured[self.name]
        return found > self.target if self.at_most else found < self.target


def number(value: float) -> str:
    """Three digits at least, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


_DATABASES = (("postgresql", "PostgreSQL"), ("sqlite", "SQLite"))

BARS = (
    Bar("hot32.postgresql", "32 callers, hot account, PostgreSQL", 2_000, "entries/s"),
    Bar("batch500.postgresql", "batches of 500, PostgreSQL", 5_000, "entries/s"),
    Bar("batch500.sqlite", "batches of 500, SQLite", 8_000, "entries/s"),
    Bar("raw.postgresql", "batches of 500 against the driver's bare insert, PostgreSQL", 0.25, ""),
    Bar("raw.sqlite", "batches of 500 against the driver's bare insert, SQLite", 0.25, ""),
    Bar("single.postgresql", "one caller, PostgreSQL", 500, "entries/s"),
    Bar("p50.postgresql", "one caller, PostgreSQL, median of a call", 3, "ms", at_most=True),
    Bar("cpu.postgresql", "server's processor time an entry, batches of 500", 100, "µs", at_most=True),
    *(
        bar
        for key, name in _DATABASES
        for bar in (
            Bar(f"backdated.{key}", "back-dated entry with {later} later rows, " + name, 3, "ms", at_most=True),
            Bar(
                f"known50.{key}",
                "balance on D as known at K, {history} entries of one account, median, " + name,
                5,
                "ms",
                at_most=True,
            ),
            Bar(
                f"known95.{key}",
                "balance on D as known at K, {history} entries of one account, 95 of 100, " + name,
                50,
                "ms",
                at_most=True,
            ),
            Bar(
                f"page.{key}",
                "statement page of 50 lines, any of {history} lines, median, " + name,
                5,
                "ms",
                at_most=True,
            ),
            Bar(f"grown.{key}", "rate at {entries_" + key + "} entries against at {small}, " + name, 0.85, ""),
        )
    ),
    Bar("proof.rate", "32 callers with the log on against off, PostgreSQL", 0.6, ""),
    Bar("proof.index", "commit to index at 500 entries/s, 99 of 100", 1, "s", at_most=True),
    Bar("proof.receipt", "commit to witnessed checkpoint, 95 of 100", 15, "s", at_most=True),
    Bar("proof.replay", "offline audit of {proved} entries, one process", 30, "s", at_most=True),
    Bar("proof.jobs", "the same, one process against --jobs 2", 1, ""),
    Bar("proof.memory", "memory of {proved} entries beyond that of a tenth", 20, "MB", at_most=True),
    Bar("proof.log", "hashes and tree alone, {proved} entries", 6, "s", at_most=True),
    Bar("tree", "tree", 600_000, "leaves/s"),
    Bar("receipt.witnessed", "receipt with the cosignatures of two witnesses", 5_000, "bytes", at_most=True),
    Bar("receipt.bytes", "receipt in a log of {audited} entries", 5_000, "bytes", at_most=True),
    *(
        Bar(
            f"bankfiles.matched.{key}",
            "bank statement of {statement_lines} lines read and matched, " + name,
            10,
            "s",
            at_most=True,
        )
        for key, name in _DATABASES
    ),
    Bar("bankfiles.write", "order file of {transfers} payments written", 20, "s", at_most=True),
    Bar("bankfiles.memory", "memory of {transfers} payments beyond that of a tenth", 20, "MB", at_most=True),
    Bar("webhooks.rate", "webhooks taken for {webhook_seconds} s, a worker at work", 199, "a second"),
    Bar("webhooks.p99", "webhooks at 200 a second, 99 of 100", 100, "ms", at_most=True),
    Bar("webhooks.lost", "webhooks and payments lost", 0, "", at_most=True),
    Bar(
        "papers.drawn",
        "loan agreement of 4 pages or more, tagged, with its terms attached, drawn",
        80,
        "ms",
        at_most=True,
    ),
    Bar("papers.stamped", "the same drawn and signed for both with timestamps", 400, "ms", at_most=True),
    Bar("terms.schedule", "schedule of 60 instalments, the slowest of all day counts and rates", 2, "ms", at_most=True),
    Bar("servicing.day", "business day of {serviced} loans, a fifth of them due, PostgreSQL", 60, "s", at_most=True),
    Bar("servicing.memory", "its memory", 100, "MB", at_most=True),
    Bar(
        "votes.tallied",
        "vote of {ballots} ballots tallied, and verified from its file, one core's time",
        30,
        "s",
        at_most=True,
    ),
    Bar("votes.audited", "the same verified with the auditor's file", 30, "s", at_most=True),
    Bar("coupons.run", "coupon of {holders} holders, register to released files, PostgreSQL", 60, "s", at_most=True),
    Bar("coupons.copy", "its rows a second to those of a raw COPY", 0.25, ""),
    Bar("coupons.memory", "its memory", 1_024, "MB", at_most=True),
    Bar("audit", "audit of rows, hashes and sums, of one core", 100_000, "entries/s"),
)
