"""Financial mathematics: day counts, schedules, effective rates, splits; exact fractions inside, cents at the edge."""
