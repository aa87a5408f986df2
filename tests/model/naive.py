"""A ledger in the plainest words: no batches, no hashes, no database. What the real one must agree with."""

import copy
from collections import Counter

from ledger.facts import Hold, Note, PeriodClose, Release, RuleChange
from ledger.journal import JournalEntry

LIMITS = {  # smallest and largest signed balance of an account that is opened with the chart's limits
    "550100": (0, None),
    "489100": (None, 0),
    "489200": (None, 0),
    "489400": (None, 0),
    "020000": (0, None),
    "021000": (None, 0),
}
TRADING = "588000"
DEBIT_SIDE = {"550100", "020000", TRADING}
REUSED = ("idempotency-key-reused", None)


class No(Exception):  # noqa: N818 -- an answer
    """The refusal's code, and what is missing to a limit."""

    def __init__(self, code, missing=None):
        super().__init__(code)
        self.answer = (code, missing)


class NaiveLedger:
    """A handful of dictionaries, lists and sets; a refused request is undone by going back to copies of them."""

    def __init__(self, now, *, late_refused=()):
        self.late_refused = late_refused
        self.assets = {"EUR"}
        self.balances, self.limits, self.closed = {}, {}, set()  # by account
        self.held = Counter()  # (account, is debit) -> amount
        self.holds = {}  # key -> (what is left by (account, is debit), expires_at, is open); replaced, never changed
        self.items = {}  # key -> item, in the order of acceptance
        self.numbers, self.late = {}, {}  # by key: its number; the last day of the closed period it is dated in
        self.reversed, self.periods = set(), []
        self.answers = {}  # idempotency key -> ((actor, body), answer)
        self.count, self.blocks, self.last = 1, 1, now  # genesis stands
        self.booked = {0: now}  # number -> instant

    def post(self, requests, *, now, today, floors=True, assets=()):
        """One answer per request: a list of (key, number, duplicate), (code, missing), or ("again", answer)."""
        self.now, self.today, self.floors = max(self.last, now), today, floors
        new_assets, standing, begun = set(assets) - self.assets, set(self.balances), len(self.items)
        self.assets = self.assets | new_assets
        drafts, fresh = [], {}
        for index, request in enumerate(requests):
            drafts.append(self._draft(index, request, fresh))
        opens = 1 if new_assets or set(self.balances) - standing else 0  # opening takes a number, before the items
        for number, key in enumerate(list(self.items)[begun:], start=self.count + opens):
            self.numbers[key] = number
        added = opens + len(self.items) - begun
        if added or fresh:
            self.blocks, self.last = self.blocks + 1, self.now
        self.booked |= dict.fromkeys(range(self.count, self.count + added), self.now)
        self.count += added
        answers = []
        for draft in drafts:
            answers.append(self._answer(draft, answers))
        self.answers |= {key: (asked, answers[index]) for key, (asked, index) in fresh.items()}
        return answers

    def _draft(self, index, request, fresh):
        asked = (request.actor, request.body_hash)
        if request.key in self.answers:
            before, answer = self.answers[request.key]
            return ("again", answer) if before == asked else REUSED
        if request.key in fresh:
            before, first = fresh[request.key]
            return ("twin", first) if before == asked else REUSED
        if request.key is not None:
            fresh[request.key] = (asked, index)
        standing = {name: copy.copy(value) for name, value in vars(self).items()}
        try:
            return [self._accept(item) for item in request.items]
        except No as no:
            vars(self).update(standing)
            return no.answer

    def _answer(self, draft, answers):
        if isinstance(draft, list):
            return [(key, self.numbers[key], duplicate) for key, duplicate in draft]
        return ("again", answers[draft[1]]) if draft[0] == "twin" else draft

    def _accept(self, item):
        if item.key in self.items:
            if self.items[item.key] != item:
                raise No("fact-key-reused")
            return item.key, True
        if isinstance(item, JournalEntry):
            self._post(item)
        elif isinstance(item, Hold):
            self._hold(item)
        elif isinstance(item, Release):
            self._release(item)
        elif isinstance(item, RuleChange):
            self._change_rule(item)
        elif isinstance(item, PeriodClose):
            self._close_period(item)
        elif isinstance(item, Note) and item.about not in self.items:
            raise No("entry-unknown")
        self.items[item.key] = item
        return item.key, False

    def _post(self, entry):
        if entry.reverses is not None:
            self._check_reversal(entry)
        self._open(entry)
        self.late[entry.key] = self._lateness(entry)
        if entry.settles is not None:
            self._settle(entry)
        for line in entry.postings:
            self.balances[line.account] += line.debit - line.credit
        self._check_accounts(entry)
        self._check_exchange(entry)
        if entry.reverses is not None:
            self.reversed.add(entry.reverses)

    def _check_reversal(self, entry):
        original = self.items.get(entry.reverses)
        if not isinstance(original, JournalEntry):
            raise No("entry-reverses-unknown")
        if original.reverses is not None:
            raise No("reversal-of-reversal")
        if original.key in self.reversed:
            raise No("entry-already-reversed")
        mirror = sorted((line.account, line.credit, line.debit) for line in original.postings)
        if mirror != sorted((line.account, line.debit, line.credit) for line in entry.postings):
            raise No("entry-is-not-mirror")

    def _open(self, entry):
        for line in entry.postings:
            if line.account not in self.balances:
                if line.account.asset not in self.assets:
                    raise No("unknown-asset")
                self.balances[line.account] = 0
                limits = LIMITS.get(line.account.code, (None, None))
                self.limits[line.account] = limits if self.floors else (None, None)

    def _lateness(self, entry):
        for until_on in self.periods:
            if entry.effective_on <= until_on:
                if entry.purpose in self.late_refused:
                    raise No("period-closed-for-purpose")
                return until_on
        return None

    def _check_accounts(self, entry):
        for line in entry.postings:
            if line.account in self.closed:
                raise No("account-closed")
            self._check_limits(line.account)

    def _check_limits(self, account):
        smallest, largest = self.limits[account]
        lowest = self.balances[account] - self.held[account, False]
        highest = self.balances[account] + self.held[account, True]
        below, above = ("floor", "ceiling") if account.code in DEBIT_SIDE else ("ceiling", "floor")
        if smallest is not None and lowest < smallest:
            raise No(f"{below}-breached", smallest - lowest)
        if largest is not None and highest > largest:
            raise No(f"{above}-breached", highest - largest)

    def _check_exchange(self, entry):
        for owner in {line.account.owner for line in entry.postings if line.account.code == TRADING}:
            moved = Counter()
            for line in entry.postings:
                if line.account[:2] == (TRADING, owner):
                    moved[line.account.asset] += line.debit - line.credit
            if sorted(amount > 0 for amount in moved.values() if amount) != [False, True]:
                raise No("exchange-pair-incomplete")

    def _hold(self, hold):
        self._open(hold.entry)
        if hold.expires_at is not None and hold.expires_at <= self.now:
            raise No("hold-expires-before-it-begins")
        if self._lateness(hold.entry) is not None:
            raise No("hold-in-closed-period")
        left = Counter()
        for line in hold.entry.postings:
            left[line.account, line.debit > 0] += line.debit + line.credit
        self.held = self.held + left
        self._check_accounts(hold.entry)
        self.holds[hold.key] = (left, hold.expires_at, True)

    def _open_hold(self, key):
        if key not in self.holds:
            raise No("hold-unknown")
        left, expires_at, is_open = self.holds[key]
        if not is_open:
            raise No("hold-ended")
        return Counter(left), expires_at, expires_at is not None and expires_at <= self.now

    def _settle(self, entry):
        left, expires_at, expired = self._open_hold(entry.settles)
        if expired:
            raise No("hold-expired")
        for line in entry.postings:
            side, amount = (line.account, line.debit > 0), line.debit + line.credit
            if left[side] < amount:
                raise No("hold-exceeded", amount - left[side])
            left[side] -= amount
            self.held[side] -= amount
        if entry.releases_rest or not left.total():
            self.held, left, expires_at = self.held - left, Counter(), None
            self.holds[entry.settles] = (left, expires_at, False)
        else:
            self.holds[entry.settles] = (left, expires_at, True)

    def _release(self, release):
        left, _, expired = self._open_hold(release.hold)
        if release.kind == "expired" and not expired:
            raise No("hold-not-expired")
        self.held = self.held - left
        self.holds[release.hold] = (Counter(), None, False)

    def _change_rule(self, change):
        account = change.account
        if account not in self.balances:
            raise No("account-unknown")
        if change.closed and (self.balances[account] or self.held[account, True] or self.held[account, False]):
            raise No("account-not-empty")
        self.limits[account] = (change.minimum, change.maximum)
        self.closed = self.closed | {account} if change.closed else self.closed - {account}
        try:
            self._check_limits(account)
        except No:
            raise No("limits-exclude-balance") from None

    def _close_period(self, close):
        if self.periods and close.until_on <= self.periods[-1]:
            raise No("period-already-closed")
        if close.until_on >= self.today:
            raise No("period-not-over")
        self.periods.append(close.until_on)
