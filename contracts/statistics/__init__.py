"""What is published of all loans together: default rate, vintages, recovery, and the loan book without names."""
