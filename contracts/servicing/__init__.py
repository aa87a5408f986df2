"""Days past due, arrears and the word for them."""
