"""What-if lives of a loan: events against terms, replayed through the real loan's engine and journal entries."""
