"""Pledges: what citizens promise, pay and may take back."""
