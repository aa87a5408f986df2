"""The record looked at from outside: audits of rows, openings for holders, exports, foreign referees, imports."""
