"""The one CMS signature that a receipt may carry: PAdES baseline B with a single, canonical encoding.

`build` makes it from the parts that vary (certificate, digest, signature value); `checked_digest` takes those parts out
of an encoding, builds it again and compares, so that no byte of the encoding is free (RFC 5652, ETSI EN 319 142-1 §6).
"""

from functools import lru_cache

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from contracts.documents.authority import SigningIdentity

# Order of the curve P-256 (SEC 2, section 2.4.2).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


class NotCanonicalError(ValueError):
    """An encoding that is not the one that `build` makes, or that does not verify."""


class CertificateUnknownError(ValueError):
    """A signature by another certificate than the pinned one; `args[0]` is its SHA-256."""


def sign_digest(digest: bytes, identity: SigningIdentity) -> bytes:
    """The signature over a byte range with this `digest`; the same input gives the same bytes (RFC 6979)."""
    certificate = identity.certificate.public_bytes(Encoding.DER)
    value = identity.key.sign(_attributes(certificate, digest).dump(), _ECDSA)
    r, s = decode_dss_signature(value)
    return build(certificate, digest, encode_dss_signature(r, min(s, _ORDER - s)))


def build(certificate: bytes, digest: bytes, signature: bytes) -> bytes:
    """The DER encoding."""
    parsed = asn1_x509.Certificate.load(certificate)
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                "issuer_and_serial_number",
                cms.IssuerAndSerialNumber({"issuer": parsed.issuer, "serial_number": parsed.serial_number}),
            ),
            "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
            "signed_attrs": _attributes(certificate, digest),
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
            "signature": signature,
        }
    )
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {"content_type": "data"},
            "certificates": [parsed],
            "signer_infos": [signer],
        }
    )
    encoded: bytes = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    return encoded


@lru_cache(maxsize=16)
def checked_digest(encoded: bytes, *, certificate_sha256: str) -> bytes:
    """The document digest that `encoded` signs, after everything about `encoded` itself was checked."""
    try:
        signed = cms.ContentInfo.load(encoded, strict=True)["content"]
        certificate = signed["certificates"][0].chosen.dump()
        signer = signed["signer_infos"][0]
        digest = next(a["values"][0].native for a in signer["signed_attrs"] if a["type"].native == "message_digest")
        signature = signer["signature"].native
        r, s = decode_dss_signature(signature)
        rebuilt = build(certificate, digest, encode_dss_signature(r, s))
    except (ValueError, TypeError, KeyError, IndexError, StopIteration, AttributeError, OverflowError) as error:
        raise NotCanonicalError from error
    if rebuilt != encoded or s > _ORDER // 2:
        raise NotCanonicalError
    parsed = x509.load_der_x509_certificate(certificate)
    fingerprint = parsed.fingerprint(hashes.SHA256()).hex()
    if fingerprint != certificate_sha256:
        raise CertificateUnknownError(fingerprint)
    public = parsed.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    try:
        public.verify(signature, _attributes(certificate, digest).dump(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise NotCanonicalError from error
    return digest if isinstance(digest, bytes) else bytes(digest)


def _attributes(certificate: bytes, digest: bytes) -> cms.CMSAttributes:
    """Content type, digest, and the certificate's own hash; the time of signing is in the PDF, as PAdES asks."""
    hasher = hashes.Hash(hashes.SHA256())
    hasher.update(certificate)
    identifier = tsp.ESSCertIDv2({"cert_hash": hasher.finalize()})
    return cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["data"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [core.OctetString(digest)]}),
            cms.CMSAttribute(
                {
                    "type": "signing_certificate_v2",
                    "values": [tsp.SigningCertificateV2({"certs": [identifier]})],
                }
            ),
        ]
    )
