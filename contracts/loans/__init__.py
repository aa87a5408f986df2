"""Loans: what was agreed, its instalments, and what every lender receives or loses."""
