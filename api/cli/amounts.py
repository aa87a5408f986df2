"""How commands print amounts to people."""


def euro(cents: int) -> str:
    """Euro with two decimals and a dot.

    >>> euro(-123456), euro(5)
    ('-1234.56', '0.05')
    """
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"
