"""A holder's statement: claims, what was expected against what came, and the money held, with chart and table."""

from contracts.documents.model import Language, StatementData


def render_statement(data: StatementData, language: Language) -> bytes:
    """The statement as a tagged PDF, the same bytes for the same data."""
    raise NotImplementedError
