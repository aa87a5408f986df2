"""The entry knowledge test: which questions it asks, which answers are right, and when it is passed.

Article 21(1) and (2) of Regulation (EU) 2020/1503 and Delegated Regulation (EU) 2022/2114 ask for a test of basic
knowledge of risk and of the investments offered, and for what the investor states of experience, objectives and
financial situation in broad words. The words of the questions are those of the pages; here are their keys.
"""

from collections.abc import Mapping

from contracts.parties.safeguards import KnowledgeTest
from ledger.errors import Refusal

VERSION = "2026-11/1"
"""Of questions and right answers together; each test names the version it was taken with."""
CHOICES = ("a", "b", "c")
RIGHT: Mapping[str, str] = {
    "loss": "b",
    "rank": "c",
    "exit": "a",
    "guarantee": "c",
    "spread": "b",
    "late": "a",
}
"""The right choice of each question."""
DECLARED: Mapping[str, tuple[str, ...]] = {
    "experience": ("none", "some", "much"),
    "objective": ("support", "income", "growth"),
    "situation": ("spare", "partly-needed", "needed"),
}
"""What the investor states besides; it is kept and not marked."""
PASSED_FROM = 5
"""So many right answers of six: our own choice, the Regulation names no number."""


def mark(answers: Mapping[str, str], declared: Mapping[str, str], *, acknowledged: bool) -> KnowledgeTest:
    """The test as it was taken; refuses `knowledge-answer-missing` and `knowledge-test-failed`.

    A test that is not passed is refused until the lender acknowledges the warning that goes with it (article 21(4)).

    >>> mark(RIGHT, {name: words[0] for name, words in DECLARED.items()}, acknowledged=False).is_passed
    True
    """
    for name, choices in (dict.fromkeys(RIGHT, CHOICES) | dict(DECLARED)).items():
        if (answers if name in RIGHT else declared).get(name) not in choices:
            raise Refusal("knowledge-answer-missing", question=name)
    if set(answers) != set(RIGHT) or set(declared) != set(DECLARED):
        raise Refusal("knowledge-answer-missing", question="")
    right = sum(answers[name] == choice for name, choice in RIGHT.items())
    is_passed = right >= PASSED_FROM
    if not is_passed and not acknowledged:
        raise Refusal("knowledge-test-failed", right=right, of=len(RIGHT), needed=PASSED_FROM)
    return KnowledgeTest(
        version=VERSION,
        answers=dict(answers),
        declared=dict(declared),
        right=right,
        of=len(RIGHT),
        is_passed=is_passed,
        acknowledged=acknowledged and not is_passed,
    )
