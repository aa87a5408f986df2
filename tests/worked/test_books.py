"""Every worked book is true on both databases, and its page in the documentation is the book as it stands."""

import warnings
from pathlib import Path

import pytest

from tests.payments_kit import FakeRail
from tests.products_kit import make_town
from tests.worked.__main__ import FOLDER, pages
from tests.worked.bonds import runner_of
from tests.worked.book import Runner, all_books, parse


@pytest.mark.parametrize("worked", all_books(), ids=lambda worked: worked.name)
def test_the_books_say_what_the_accountant_wrote(book, clock, worked):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        rail = FakeRail()
    runner_of(worked)(make_town(book, clock, rail), worked).run()


def test_the_documentation_shows_the_books_as_they_are():
    shown = {str(path.relative_to(FOLDER)): path.read_text("utf-8") for path in Path(FOLDER).rglob("*.md")}
    assert shown == pages()


def test_a_wrong_cent_in_a_book_is_found(sqlite_book, clock):
    [worked] = [each for each in all_books() if each.name == "withdrawal"]
    text = (Path(__file__).parent / "books" / "withdrawal.txt").read_text("utf-8")
    refund = "489400:Ada   | 500.00 |"
    wrong = parse("withdrawal", text.replace(refund, refund.replace("500.00", "500.01")))
    assert wrong != worked
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        rail = FakeRail()
    with pytest.raises(AssertionError, match="instead of"):
        Runner(make_town(sqlite_book, clock, rail), wrong).run()
