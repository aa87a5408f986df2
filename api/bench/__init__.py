"""Measurements that anybody can repeat on a database of their own: `bxl bench`."""
