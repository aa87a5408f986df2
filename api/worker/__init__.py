"""What happens after a commit: the relay, the dated jobs, and the loop that runs them."""
