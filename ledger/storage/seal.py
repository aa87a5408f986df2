"""The seal in the database itself."""


def statements(dialect: str) -> list[str]:
    return []
