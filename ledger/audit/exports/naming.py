"""How accounts, assets, amounts and texts are written for other programs, so that no two of ours meet there.

An account becomes `Root:code:owner`, where the root is the chart's kind. Class 0 (memo) accounts come under Equity, the
only root of the five that says neither possession nor debt.
"""

from decimal import Decimal

from ledger.accounts import AccountRef, Kind, chart_row

_ROOTS = {
    Kind.ASSET: "Assets",
    Kind.LIABILITY: "Liabilities",
    Kind.INCOME: "Income",
    Kind.EXPENSE: "Expenses",
    Kind.MEMO: "Equity",
}
_BEANCOUNT_WORDS = frozenset({"TRUE", "FALSE", "NULL"})


def beancount_account(account: AccountRef) -> str:
    """The account's name in beancount: its parts begin with a capital or a digit and hold letters, digits and hyphens.

    >>> beancount_account(AccountRef("489100", "c17"))
    'Liabilities:489100:O-c17'
    """
    return _root(account) + f":{account.code}" + (f":O-{_escaped(account.owner)}" if account.owner else "")


def hledger_account(account: AccountRef) -> str:
    """The account's name in hledger, and in ledger.

    >>> hledger_account(AccountRef("489100", "c17"))
    'Liabilities:489100:c17'
    """
    return _root(account) + f":{account.code}" + (f":{account.owner}" if account.owner else "")


def beancount_commodity(asset: str) -> str:
    """The asset's name in beancount, whose grammar keeps three words for itself and reads one letter as a flag.

    No asset's code holds an apostrophe, so what is added meets no other asset.

    >>> beancount_commodity("TREES-1"), beancount_commodity("TRUE"), beancount_commodity("H")
    ('TREES-1', "TRUE'0", "H'0")
    """
    return f"{asset}'0" if len(asset) == 1 or asset in _BEANCOUNT_WORDS else asset


def decimal_text(minor: int, scale: int) -> str:
    """The amount in the asset's unit, with all its decimals.

    >>> decimal_text(-123456, 2), decimal_text(5, 0)
    ('-1234.56', '5')
    """
    return f"{Decimal(minor).scaleb(-scale):f}"


def _root(account: AccountRef) -> str:
    return _ROOTS[chart_row(account.code).kind]


def _escaped(owner: str) -> str:
    """Letters and digits stay; anything else becomes a hyphen and two hexadecimal digits, so no two owners meet."""
    return "".join(c if c.isalnum() else f"-{ord(c):02X}" for c in owner)
