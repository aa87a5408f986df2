"""Bonds: series issued to the public, the register of their holders, coupons and redemption."""
