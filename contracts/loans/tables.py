"""Rows of the loans: the loan, its claims in their fixed order, and its schedule, frozen when it was agreed.

    loan ── loan_claim       one row a pledge; what is outstanding is a position in the ledger, in the loan's asset
      └──── instalment       what is due when; called and settled are moves (`contracts.moves`)

All are insert-only. A document of the agreement is found by its reference `agreement:<loan>:<pledge>`.
"""

import sqlalchemy as sa

from ledger.storage.base import Cents, Count, Day, Text, record_table

loan = record_table(
    "loan",
    sa.Column("book_id", Text, sa.ForeignKey("book.book_id"), primary_key=True),
    sa.Column("loan_id", Text, primary_key=True),
    sa.Column("offer_id", Text, nullable=False),
    sa.Column("borrower", Text, nullable=False),
    sa.Column("principal_cents", Cents, nullable=False),
    sa.Column("agreed_on", Day, nullable=False),
    sa.UniqueConstraint("book_id", "offer_id", name="loan_offer_once"),
    sa.ForeignKeyConstraint(["book_id", "offer_id"], ["offer.book_id", "offer.offer_id"], name="loan_offer"),
    sa.Index("loan_borrower", "book_id", "borrower"),
    locked=True,
)

loan_claim = record_table(
    "loan_claim",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("loan_id", Text, primary_key=True),
    sa.Column("number", Count, primary_key=True, autoincrement=False),
    sa.Column("pledge_id", Text, nullable=False),
    sa.Column("lender", Text, nullable=False),
    sa.Column("principal_cents", Cents, nullable=False),
    sa.UniqueConstraint("book_id", "pledge_id", name="loan_claim_pledge_once"),
    sa.ForeignKeyConstraint(["book_id", "loan_id"], ["loan.book_id", "loan.loan_id"], name="loan_claim_loan"),
    sa.Index("loan_claim_by_lender", "book_id", "lender"),
    sa.CheckConstraint("principal_cents > 0", name="loan_claim_principal"),
)

instalment = record_table(
    "instalment",
    sa.Column("book_id", Text, primary_key=True),
    sa.Column("loan_id", Text, primary_key=True),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    sa.Column("instalment_id", Text, nullable=False),
    sa.Column("due_on", Day, nullable=False),
    sa.Column("days", Count, nullable=False),
    sa.Column("interest_cents", Cents, nullable=False),
    sa.Column("principal_cents", Cents, nullable=False),
    sa.Column("outstanding_cents", Cents, nullable=False),
    sa.UniqueConstraint("book_id", "instalment_id", name="instalment_identity"),
    sa.ForeignKeyConstraint(["book_id", "loan_id"], ["loan.book_id", "loan.loan_id"], name="instalment_loan"),
    sa.Index("instalment_due", "book_id", "due_on"),
    sa.CheckConstraint("interest_cents >= 0 AND principal_cents >= 0", name="instalment_amounts"),
)
