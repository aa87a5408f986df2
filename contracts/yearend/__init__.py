"""The papers of a year's end: for each loan, lender and borrower, derived from the ledger and the record alone."""
