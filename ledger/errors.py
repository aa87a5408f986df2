"""Two kinds of trouble: a `Refusal` is an expected no with a stable code, an `InvariantError` is a defect.

A refusal's sentence is not written here. Its code has an entry in `api/refusals/*.toml` with the HTTP status and a
sentence in French, Dutch and English; the facts fill the placeholders. A fact's name carries its unit (`_cents`,
`_on`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import override as override
else:  # the offline verifier imports this module and runs where `cryptography` is the only package

    def override(method: object) -> object:
        """Mark a method that replaces another; nothing at run time."""
        return method


Fact = str | int | bool | None | Sequence[str]


class Refusal(Exception):  # noqa: N818 -- an expected answer, not an error; "refusal" is the field's word
    """A request that is refused: stable `code` (kebab-case, states the fact) and the `facts` that explain it.

    >>> Refusal("entry-unbalanced", asset="EUR", debit=100, credit=90).code
    'entry-unbalanced'
    """

    def __init__(self, code: str, /, **facts: Fact) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts: Mapping[str, Fact] = facts

    @override
    def __str__(self) -> str:
        return self.code + "".join(f" {name}={value!r}" for name, value in self.facts.items())

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refusal) and (self.code, dict(self.facts)) == (other.code, dict(other.facts))

    @override
    def __hash__(self) -> int:
        return hash(self.code)


class InvariantError(AssertionError):
    """Something that cannot happen did: the process must not go on as if it had not."""
