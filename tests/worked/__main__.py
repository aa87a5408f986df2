"""Write every worked book into `docs/books/`, with an index; run as `python -m tests.worked`."""

from pathlib import Path

from tests.worked.book import all_books, render

FOLDER = Path(__file__).parents[2] / "docs" / "books"


def pages() -> dict[str, str]:
    """Every page by its file name."""
    books = all_books()
    index = [
        "# Worked books",
        "",
        "Each story is run against the real services on SQLite and on PostgreSQL, and every entry is compared. What",
        "stands after the colon is the account's owner. Accounts 020000 to 023000 count cents of the loan's principal,",
        "010000 to 013000 units of the bond, all others euro.",
        "",
        *(f"- [{book.head['title']}]({book.name}.md)" for book in books),
        "",
    ]
    return {"README.md": "\n".join(index), **{f"{book.name}.md": render(book) for book in books}}


def main() -> None:
    """Write them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
