"""Votes: frozen weights, sealed ballots, and a tally that anyone can recompute; for loans and bonds alike."""
