"""Random requests: mostly such as a careful caller makes, and every mistake now and then.

`Stories(chance, naive)` draws from any `random.Random`, so the same seed tells the same story to every database, and
looks at the naive ledger for what there is to repeat, reverse, settle, release and remark on.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from ledger import accounts
from ledger.accounts import AccountRef, ChartRow, Kind, Side
from ledger.facts import Finding, Hold, Note, PeriodClose, Release, ReleaseKind, RuleChange
from ledger.journal import JournalEntry, Posting
from ledger.money import Asset
from ledger.state import Request
from tests.model.naive import TRADING

START = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
DAYS_AGO = [-30, 0, 0, 0, 0, 0, 1, 2, 20, 45, 90]
ASSETS = ["EUR"] * 5 + ["LOAN-A"]
LOAN = Asset("LOAN-A", 2)
LATE_REFUSED = frozenset({"dated-by-us"})
PURPOSES = ["test"] * 6 + ["dated-by-us"]
PAIRS = [
    ("550100", "489100:c1"),
    ("550100", "489100:c1"),
    ("550100", "489100:c2"),
    ("489100:c1", "489400:c1"),
    ("489400:c1", "550100"),
    ("489100:c2", "489200:c2"),
    ("020000:c1", "021000:e5"),
]


def add_trading_account():
    """A chart with a trading account, where it has none."""
    names = dict.fromkeys(("fr", "nl", "en"), "Trading")
    row = ChartRow(TRADING, names, Kind.ASSET, Side.DEBIT, personal=False, floor=None, ceiling=None, exchange=True)
    accounts.chart().setdefault(TRADING, row)


class Stories:
    """Draws one batch of requests after the other."""

    def __init__(self, chance, naive):
        self.chance, self.naive = chance, naive
        self.now = START
        self.made = 0
        self.told = []  # requests with a key

    def jump(self):
        """The clock goes on, or back."""
        self.now += timedelta(minutes=self.chance.choice([0, 0, 1, 7, 45, 60 * 24, 60 * 24 * 9, -30, -60 * 24]))

    def assets(self):
        """What the batch opens."""
        return [LOAN] if self.chance.random() < 0.1 else []

    def batch(self, most=4):
        """Requests that are decided together; one may come again, with the same body or with another."""
        requests = [self.request() for _ in range(self.chance.randint(1, most))]
        self.told += [request for request in requests if request.key is not None]
        if self.told and self.chance.random() < 0.25:
            again = self.chance.choice(self.told[-8:])
            if self.chance.random() < 0.3:
                again = replace(again, body_hash=bytes(32))
            requests.insert(self.chance.randint(0, len(requests)), again)
        return requests

    def request(self):
        """One to three items that stand or fall together."""
        items = [self.item() for _ in range(self.chance.choice([1, 1, 1, 2, 3]))]
        body = hashlib.sha256(b"".join(item.body_hash() for item in items)).digest()
        if self.chance.random() < 0.5:
            return Request(items, body_hash=body)
        self.made += 1
        return Request(items, f"r{self.made}", self.actor(), body)

    def item(self):
        """Anything that takes a number."""
        kinds = {
            self.entry: 10, self.reversal: 2, self.hold: 4, self.settlement: 4, self.release: 2, self.rule: 2,
            self.close: 1, self.note: 1, self.finding: 1, self.exchange: 2, self.again: 1,
        }  # fmt: skip
        return self.chance.choices(list(kinds), list(kinds.values()))[0]()

    def actor(self):
        """Mostly the same."""
        return self.chance.choice(["s1", "s1", "s1", "s2"])

    def key(self):
        """Mostly a new one."""
        self.made += 1
        return f"k{self.chance.randrange(self.made) if self.chance.random() < 0.04 else self.made}"

    def day(self):
        """Mostly today."""
        return self.now.date() - timedelta(days=self.chance.choice(DAYS_AGO))

    def standing(self, kind, default="k0"):
        """The key of something of this kind that stands; rarely of anything."""
        of_kind = [key for key, item in self.naive.items.items() if isinstance(item, kind)]
        if kind is Hold and self.chance.random() < 0.8:
            of_kind = [key for key in of_kind if self.naive.holds[key][2]] or of_kind
        return self.chance.choice(of_kind[-6:] or [default]) if self.chance.random() < 0.95 else self.key()

    def legs(self):
        """Two lines."""
        one, other = self.chance.choice(PAIRS)
        asset, amount = self.chance.choice(ASSETS), self.chance.randint(1, 9)
        first, second = AccountRef.parse(one, asset), AccountRef.parse(other, asset)
        if self.chance.random() < 0.25:
            first, second = second, first
            owed = abs(self.naive.balances.get(first, 0))
            amount = owed if owed and self.chance.random() < 0.4 else amount
        return [Posting(first, debit=amount), Posting(second, credit=amount)]

    def entry(self, **stated):
        """Two to six lines on some day."""
        lines = [line for _ in range(self.chance.choice([1, 1, 1, 2, 3])) for line in self.legs()]
        if self.chance.random() < 0.15:
            stated["metadata"] = {"invoice": f"F{self.chance.randrange(9)}", "note_2": 'Zoë "a\\b"'}
        if self.chance.random() < 0.15:
            stated |= {"evidence": "ab" * 32, "actor": self.actor()}
        day, purpose = self.day(), self.chance.choice(PURPOSES)
        return JournalEntry(self.key(), day, purpose, tuple(lines), **stated)

    def reversal(self):
        """The mirror of an entry, sometimes with a line too many."""
        original = self.standing(JournalEntry)
        posted = self.naive.items.get(original)
        lines = posted.postings if isinstance(posted, JournalEntry) else self.legs()
        mirror = [Posting(line.account, line.credit, line.debit) for line in reversed(lines)]
        if self.chance.random() < 0.2:
            mirror += self.legs()
        return JournalEntry(self.key(), self.day(), "test", tuple(mirror), reverses=original)

    def hold(self):
        """Reserves what an entry could post."""
        expires_at = None
        if self.chance.random() < 0.6:
            expires_at = self.now + timedelta(minutes=self.chance.choice([0, 30, 60 * 24, 60 * 24 * 10, 60 * 24 * 30]))
        return Hold(self.entry(), expires_at)

    def settlement(self):
        """Posts all or a part of a hold, or more than it has."""
        key = self.standing(Hold)
        hold = self.naive.items.get(key)
        if not isinstance(hold, Hold):
            return self.entry(settles=key)
        lines, part = hold.entry.postings[:2], self.chance.randint(1, 5)
        if self.chance.random() < 0.5:
            lines, part = hold.entry.postings, None
        lines = [Posting(p.account, p.debit and (part or p.debit), p.credit and (part or p.credit)) for p in lines]
        stated = {"settles": key, "releases_rest": self.chance.random() < 0.3}
        return JournalEntry(self.key(), self.day(), "test", tuple(lines), **stated)

    def release(self):
        """Ends a hold."""
        kind = self.chance.choice(list(ReleaseKind))
        return Release(self.key(), self.standing(Hold), kind, self.actor())

    def rule(self):
        """Limits near the balance, none, or the end of an account."""
        known, closed = list(self.naive.balances), self.chance.random() < 0.2
        if closed and self.chance.random() < 0.8:
            known = [ref for ref in known if self.naive.balances[ref] == 0]
        ref = self.chance.choice(known) if known and self.chance.random() < 0.9 else AccountRef("580100")
        about, low, high = self.naive.balances.get(ref, 0), None, None
        if self.chance.random() < 0.3:
            low = about - self.chance.randint(-1, 50)
        if self.chance.random() < 0.3:
            high = about + self.chance.randint(-1, 50)
        if low is not None and high is not None:
            low, high = min(low, high), max(low, high)
        return RuleChange(self.key(), ref, low, high, closed=closed, actor=self.actor())

    def close(self):
        """The end of the month that is next to be closed; sometimes of one too early or too late."""
        last = self.naive.periods[-1] if self.naive.periods else date(2025, 12, 31)
        until_on = last + timedelta(days=1 + self.chance.choice([32, 32, 32, 75, -20]))
        until_on = until_on.replace(day=1) - timedelta(days=1)
        return PeriodClose(self.key(), until_on, actor=self.actor())

    def note(self):
        """A remark on anything that stands."""
        return Note(self.key(), self.standing(object), "seen, and found right", self.actor(), "cd" * 32)

    def finding(self):
        """What a look at everything found."""
        return Finding(self.key(), "verdict/1", [{"rows": self.chance.randrange(100)}, {"agrees": True}])

    def exchange(self):
        """Euros for claims through the trading account; sometimes only one side of it."""
        lines = []
        for asset, turned in (("EUR", False), ("LOAN-A", self.chance.random() < 0.8)):
            own, trading = AccountRef("020000", "c1", asset), AccountRef(TRADING, "", asset)
            if turned:
                own, trading = trading, own
            amount = self.chance.randint(1, 4)
            lines += [Posting(own, debit=amount), Posting(trading, credit=amount)]
        if self.chance.random() < 0.2:
            lines = lines[:2]
        return JournalEntry(self.key(), self.day(), "test", tuple(lines))

    def again(self):
        """Something that stands already, word for word."""
        return self.naive.items.get(self.standing(object)) or self.entry()
