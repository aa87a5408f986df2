"""Random lives of loans against a naive model, the book audited after every step."""
