"""The demonstration: invented people and enterprises, driven through the real services, never written in.

Every cent, date and state of the demo's book comes out of the same calls that pages and resources make, through the
payment sandbox over HTTP, with a business date that moves from 2 March 2026 to the middle of September.
"""
