"""One paper of a year's end: where it belongs, its language, what it says, and how it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.documents.folder import as_json, plain
from contracts.documents.model import Language, StatementData
from contracts.documents.yearly import CertificateData, FundProofData, LossCertificateData, WithholdingData

Data = FundProofData | CertificateData | LossCertificateData | WithholdingData | StatementData


@dataclass(frozen=True, slots=True)
class YearPaper:
    """`path` is without a suffix."""

    path: str
    language: Language
    data: Data
    draw: Callable[[], bytes]
    beside: tuple[tuple[str, bytes], ...] = ()
    """Files of another shape that belong to it: path and bytes."""

    def json(self) -> bytes:
        """What it says, with its language."""
        stated = plain(self.data)
        assert isinstance(stated, dict), "a paper's data is an object"
        return as_json(stated | {"language": self.language})
