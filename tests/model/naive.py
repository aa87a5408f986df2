"""A ledger in the plainest words: no batches, no hashes, no database. What the real one must agree with."""

import copy

FLOORS = {
    "550100": ("min", 0),
    "489100": ("max", 0),
    "489200": ("max", 0),
    "489400": ("max", 0),
    "020000": ("min", 0),
    "021000": ("max", 0),
}


class No(Exception):  # noqa: N818 -- an answer
    """The refusal's code."""


class NaiveLedger:
    """Everything is a dictionary or a list; a refused request is undone by restoring a copy."""

    def __init__(self) -> None:
        self.assets = {"EUR"}
        self.balances = {}
        self.limited = {}
        self.entries = {0: None}  # number -> entry, or None for genesis and openings
        self.numbers = {}  # key -> number
        self.reversed = set()

    def post(self, requests, *, floors=True):
        """One result per request: a list of (key, number, duplicate), or a code."""
        opens = set()
        results, posted = [], []
        for request in requests:
            before = copy.deepcopy((self.balances, self.limited, self.reversed)), len(posted), set(opens)
            try:
                results.append([self._post(entry, posted, opens, floors=floors) for entry in request])
            except No as no:
                (self.balances, self.limited, self.reversed), count, opens = before
                del posted[count:]
                results.append(str(no))
        if opens:
            self.entries[len(self.entries)] = None
        first = len(self.entries)
        for number, entry in enumerate(posted, start=first):
            self.entries[number] = entry
            self.numbers[entry.key] = number
        return [r if isinstance(r, str) else [(key, self.numbers[key], dup) for key, dup in r] for r in results]

    def _post(self, entry, posted, opens, *, floors):
        standing = [e for e in [*self.entries.values(), *posted] if e is not None]
        for other in standing:
            if other.key == entry.key:
                if other != entry:
                    raise No("fact-key-reused")
                return entry.key, True
        if entry.reverses is not None:
            self._check_reversal(entry, standing)
        touched = []
        for line in entry.postings:
            if line.account not in self.balances:
                if line.account.asset not in self.assets:
                    raise No("unknown-asset")
                opens.add(line.account)
                self.balances[line.account] = 0
                self.limited[line.account] = floors
            self.balances[line.account] += line.debit - line.credit
            touched.append(line.account)
        for account in touched:
            side, limit = FLOORS.get(account.code, (None, None))
            balance = self.balances[account]
            if self.limited[account] and ((side == "min" and balance < limit) or (side == "max" and balance > limit)):
                raise No("floor-breached")
        posted.append(entry)
        return entry.key, False

    def _check_reversal(self, entry, standing):
        named = [e for e in standing if e.key == entry.reverses]
        if not named:
            raise No("entry-reverses-unknown")
        [original] = named
        if original.reverses is not None:
            raise No("reversal-of-reversal")
        if original.key in self.reversed:
            raise No("entry-already-reversed")
        mirror = sorted((line.account, line.credit, line.debit) for line in original.postings)
        if mirror != sorted((line.account, line.debit, line.credit) for line in entry.postings):
            raise No("entry-is-not-mirror")
        self.reversed.add(original.key)
