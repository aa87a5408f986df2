"""The loan agreement between one lender and one borrower, as a tagged PDF that is the same bytes for the same data."""

from contracts.documents.model import AgreementData, Language


def render_agreement(data: AgreementData, language: Language) -> bytes:
    """The unsigned agreement; `contracts.documents.signature.sign_pdf` signs it for both parties."""
    raise NotImplementedError
