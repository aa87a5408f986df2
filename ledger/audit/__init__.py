"""The record looked at from outside: audits of rows, openings for holders and auditors, exports, imports."""
