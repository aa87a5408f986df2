"""What ReportLab does not write: structure tree, XMP, output intent, attachments, and bytes that repeat.

Built to PDF/A-3 (ISO 19005-3) and PDF/UA-1 (ISO 14289-1); it is not certified by anyone.
"""

import io
from collections.abc import Sequence
from datetime import date
from importlib.resources import files
from xml.sax.saxutils import escape

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, String

from contracts.documents.paper import Attachment, Paper
from contracts.documents.tagging import Element, Piece

PRODUCER = "BXL Invest"
SAVING = {
    "deterministic_id": True,
    "object_stream_mode": pikepdf.ObjectStreamMode.disable,
    "compress_streams": False,
    "stream_decode_level": pikepdf.StreamDecodeLevel.none,
}
"""Objects and streams stay as they are: pages and fonts compressed, attachments readable by the simplest tool."""

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:identifier>{identifier}</dc:identifier>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
<pdf:Producer>{producer}</pdf:Producer>
<xmp:CreateDate>{instant}</xmp:CreateDate><xmp:ModifyDate>{instant}</xmp:ModifyDate>
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>
<pdfuaid:part>1</pdfuaid:part>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 that the file is built to</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def finish(drawn: bytes, paper: Paper, document: Element) -> bytes:
    """`drawn` with everything that makes it an archivable, accessible paper."""
    with Pdf.open(io.BytesIO(drawn)) as pdf:
        _describe(pdf, paper)
        _structure(pdf, document)
        _output_intent(pdf)
        _attach(pdf, paper.attachments, issued_on=paper.issued_on)
        out = io.BytesIO()
        pdf.save(out, min_version="1.7", **SAVING)
    return out.getvalue()


def page_count(paper: bytes) -> int:
    """How many pages a finished paper has."""
    with Pdf.open(io.BytesIO(paper)) as pdf:
        return len(pdf.pages)


def _describe(pdf: Pdf, paper: Paper) -> None:
    root = pdf.Root
    root.Lang = String(f"{paper.language}-BE")
    root.MarkInfo = Dictionary(Marked=True)
    root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
    stamp = f"{paper.issued_on.isoformat()}T00:00:00Z"
    xmp = _XMP.format(
        title=escape(paper.title),
        identifier=escape(paper.identifier),
        language=f"{paper.language}-BE",
        producer=PRODUCER,
        instant=stamp,
    )
    root.Metadata = pdf.make_indirect(_raw_stream(pdf, xmp.encode(), Type=Name.Metadata, Subtype=Name.XML))
    pdf_date = _pdf_date(paper.issued_on)
    pdf.trailer.Info = pdf.make_indirect(
        Dictionary(
            Title=String(paper.title),
            Producer=String(PRODUCER),
            CreationDate=String(pdf_date),
            ModDate=String(pdf_date),
        )
    )


def _structure(pdf: Pdf, document: Element) -> None:
    pages = [page.obj for page in pdf.pages]
    root = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
    owners: list[dict[int, pikepdf.Object]] = [{} for _ in pages]
    root.K = _element(pdf, document, root, pages, owners)
    numbers = Array()
    for index, page in enumerate(pages):
        if Name.Trans in page:
            del page.Trans  # ReportLab's empty page transition
        page.StructParents = index
        page.Tabs = Name.S
        by_mcid = owners[index]
        numbers.append(index)
        numbers.append(pdf.make_indirect(Array([by_mcid[mcid] for mcid in range(len(by_mcid))])))
    root.ParentTree = pdf.make_indirect(Dictionary(Nums=numbers))
    root.ParentTreeNextKey = len(pages)
    pdf.Root.StructTreeRoot = root


def _element(
    pdf: Pdf,
    element: Element,
    parent: pikepdf.Object,
    pages: Sequence[pikepdf.Object],
    owners: Sequence[dict[int, pikepdf.Object]],
) -> pikepdf.Object:
    node = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name("/" + element.kind), P=parent))
    if element.alt is not None:
        node.Alt = String(element.alt)
    if element.attributes:
        node.A = Dictionary({"/O": Name.Table} | {f"/{k}": Name(f"/{v}") for k, v in element.attributes.items()})
    kids = Array()
    for child in element.children:
        if isinstance(child, Piece):
            kids.append(Dictionary(Type=Name.MCR, Pg=pages[child.page], MCID=child.mcid))
            owners[child.page][child.mcid] = node
        else:
            kids.append(_element(pdf, child, node, pages, owners))
    node.K = kids
    return node


def _output_intent(pdf: Pdf) -> None:
    profile = files("contracts.documents.fonts").joinpath("srgb.icc").read_bytes()
    intent = Dictionary(
        Type=Name.OutputIntent,
        S=Name.GTS_PDFA1,
        OutputConditionIdentifier=String("sRGB"),
        Info=String("sRGB IEC61966-2.1"),
        DestOutputProfile=pdf.make_indirect(pdf.make_stream(profile, N=3)),
    )
    pdf.Root.OutputIntents = Array([pdf.make_indirect(intent)])


def _attach(pdf: Pdf, attachments: Sequence[Attachment], *, issued_on: date) -> None:
    if not attachments:
        return
    names, associated = Array(), Array()
    for attachment in sorted(attachments, key=lambda a: a.name):
        # The body is stored as it is, so that any tool can cut it out and a changed byte is a changed byte of the file.
        embedded = _raw_stream(pdf, attachment.body, Type=Name.EmbeddedFile, Subtype=Name("/" + attachment.media_type))
        embedded.Params = Dictionary(Size=len(attachment.body), ModDate=String(_pdf_date(issued_on)))
        body = pdf.make_indirect(embedded)
        spec = Dictionary(
            Type=Name.Filespec,
            F=String(attachment.name),
            UF=String(attachment.name),
            Desc=String(attachment.description),
            AFRelationship=Name("/" + attachment.relation),
            EF=Dictionary(F=body, UF=body),
        )
        reference = pdf.make_indirect(spec)
        names.append(String(attachment.name))
        names.append(reference)
        associated.append(reference)
    pdf.Root.Names = Dictionary(EmbeddedFiles=pdf.make_indirect(Dictionary(Names=names)))
    pdf.Root.AF = associated


def _raw_stream(pdf: Pdf, body: bytes, **entries: pikepdf.Object) -> pikepdf.Stream:
    return pikepdf.Stream(pdf, body, **entries)


def _pdf_date(day: date) -> str:
    return f"D:{day:%Y%m%d}000000Z"
