"""Life cycles as tables: a transition is a row, an unknown one is refused, the diagram is drawn from the same rows.

A machine decides only which state follows. The move itself is an append-only row
(object, sequence, from, to, event, actor, evidence, fact key), written by the product's service.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from ledger.errors import InvariantError, Refusal

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S]):
    """In state `source`, the event named `event` leads to state `target`."""

    source: S
    event: str
    target: S


class Machine(Generic[S]):
    """A life cycle: its states, the first of them, and the transitions between them."""

    def __init__(self, name: str, states: type[S], initial: S, transitions: Iterable[Transition[S]]) -> None:
        self.name = name
        self.states = states
        self.initial = initial
        self.transitions = tuple(transitions)
        self._targets: Mapping[tuple[S, str], S] = {(t.source, t.event): t.target for t in self.transitions}
        if len(self._targets) != len(self.transitions):
            raise InvariantError(f"{name}: two transitions for one state and event")

    @property
    def events(self) -> frozenset[str]:
        """Every event the machine knows."""
        return frozenset(t.event for t in self.transitions)

    @property
    def final(self) -> frozenset[S]:
        """The states that nothing leads out of."""
        return frozenset(self.states) - {t.source for t in self.transitions}

    def allows(self, state: S, event: str) -> bool:
        """Whether `event` may happen in `state`."""
        return (state, event) in self._targets

    def after(self, state: S, event: str) -> S:
        """The state that follows; refuses `move-not-allowed` where the table has no such row."""
        if (state, event) not in self._targets:
            raise Refusal("move-not-allowed", machine=self.name, state=state.value, event=event)
        return self._targets[state, event]

    def diagram(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial.value}"]
        lines += [f"    {t.source.value} --> {t.target.value}: {t.event}" for t in self.transitions]
        lines += [f"    {s.value} --> [*]" for s in self.states if s in self.final]
        return "\n".join(lines)
