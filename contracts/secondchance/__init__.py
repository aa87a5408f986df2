"""Second chance: a loan in difficulty, from the first signal to its cure or its end, with the lenders deciding."""
