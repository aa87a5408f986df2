"""Whether what is booked is what is: the invariants of money movement, and the close of a day."""
