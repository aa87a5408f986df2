"""What an auditor lists of the crowdfunding regulation, one line a check; the command is tried in `api/`."""

from contracts.evidence import evidence
from tests.pages_kit import Enter
from tests.products_kit import DAY


def lines(town, article=None):
    with town.book.read() as connection:
        return evidence(connection, town.book, article=article)


def test_a_pledge_leaves_a_line_for_each_article_that_was_checked(sqlite_town):
    town = sqlite_town
    ada, borrower = town.citizen("Ada"), town.enterprise()
    offer_id = town.open_offer(borrower)
    made = town.pledge(offer_id, ada, 150_000)
    small = town.pledge(offer_id, ada, 20_000)
    town.withdraw(small.pledge_id)
    found = lines(town)
    assert [(line.article, line.kind) for line in found] == [
        ("1(2)(c)", "offer-published"),
        ("5", "owner-declaration"),
        ("8(2)", "offer-published"),
        ("21(1)", "knowledge-test"),
        ("21(5)", "loss-simulation"),
        ("21(7)(a)", "risk-warning"),
        ("21(7)(b)", "risk-consent"),
        ("21(7)(c)", "risk-understanding"),
        ("22", "reflection"),
        ("22", "reflection"),
        ("23", "kiis-written"),
        ("23", "kiis-issued"),
    ]
    by_kind = {line.kind: line for line in found}
    assert by_kind["risk-consent"].evidence == f"pledge:{made.pledge_id}"
    assert by_kind["risk-consent"].facts["about"] == borrower
    assert by_kind["knowledge-test"].facts["right"] == 6
    assert {line.subject: line.facts["withdrawn_on"] for line in found if line.article == "22"} == {
        made.pledge_id: None,
        small.pledge_id: DAY.isoformat(),
    }
    issued = by_kind["kiis-issued"].facts["papers"]["fr"]
    assert issued["pages"] <= 6
    assert len(issued["sha256"]) == 64
    assert by_kind["offer-published"].facts["owner_interest_limit"] == "0.20"


def test_an_article_is_listed_with_its_paragraphs_and_no_other(sqlite_town):
    town = sqlite_town
    town.pledge(town.open_offer(town.enterprise()), town.citizen("Ada"), 150_000)
    assert {line.article for line in lines(town, "21(7)")} == {"21(7)(a)", "21(7)(b)", "21(7)(c)"}
    assert {line.article for line in lines(town, "2")} == set()
    assert {line.article for line in lines(town, "1")} == {"1(2)(c)"}


def test_staff_reads_them_on_a_page_and_nobody_else(enter: Enter, sqlite_town):
    town = sqlite_town
    ada = town.citizen("Ada")
    assert "Aucun contrôle" not in enter(town.maker).get("/fr/audit/ecspr").text
    town.pledge(town.open_offer(town.enterprise()), ada, 150_000)
    page = enter(town.maker).get("/fr/audit/ecspr?article=21(7)(b)").text
    assert "risk-consent" in page
    assert ada in page
    assert "knowledge-test" not in page
    assert enter(ada).get("/fr/audit/ecspr").status_code == 403
