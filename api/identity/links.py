"""The address of a one-time log-in link: opening it shows a button, pressing the button uses it up.

A mail scanner that follows links therefore uses nothing up.
"""


def login_link(origin: str, language: str, token: str) -> str:
    """The absolute address that is mailed: `<origin>/<language>/log-in/<token>`."""
    return f"{origin}/{language}/log-in/{token}"
