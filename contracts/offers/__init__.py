"""Offers: what entrepreneurs ask of the public."""
