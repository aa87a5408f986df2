"""Signed notes and checkpoints: published vectors, both signatures, and what is refused."""

import base64
import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from ledger.errors import InvariantError, Refusal
from ledger.log.checkpoint import Checkpoint, SigningKey, open_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.log.note import ED25519, ML_DSA_44, Note, Signature, VerifierKey, parse_note

ORIGIN = "log.example/main"
ED = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
PQ = SigningKey(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes(range(32, 64))))
KEYS = (ED.verifier(), PQ.verifier())
HEAD = Checkpoint(ORIGIN, 70_000, hashlib.sha256(b"root").digest())
SIGNED = sign_checkpoint(HEAD, (ED, PQ), posix_time=1_772_449_200)

# golang.org/x/mod/sumdb/note, package example: a key whose base64 holds a plus sign in other vectors, and its note
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"


def test_a_published_note_verifies_with_its_published_key() -> None:
    key, note = VerifierKey.parse(NEUMANN), parse_note(NEUMANN_NOTE)
    [signature] = note.signatures
    assert (signature.name, signature.key_id) == (key.name, key.key_id)
    Ed25519PublicKey.from_public_bytes(key.public).verify(signature.signature, note.text.encode())


@pytest.mark.parametrize("vkey", [NEUMANN, SUMDB, KEYS[0].vkey(), KEYS[1].vkey()])
def test_a_vkey_is_written_as_it_was_read(vkey: str) -> None:
    assert VerifierKey.parse(vkey).vkey() == vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+c74f20a3",
        NEUMANN.replace("c74f", "c74e"),
        NEUMANN.replace("c74f", "C74F"),
        NEUMANN[:-1],
        NEUMANN + "=",
        NEUMANN.replace("Peter", "Peter "),
        "+c74f20a3+" + NEUMANN.rpartition("+")[2],
        KEYS[1].vkey().replace(ORIGIN, "log.example/other"),
        "x+00000000+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
    ],
)
def test_a_malformed_vkey_is_refused(vkey: str) -> None:
    with pytest.raises(Refusal, match="verifier-key-malformed"):
        VerifierKey.parse(vkey)


def test_a_checkpoint_is_signed_twice_and_opens() -> None:
    checkpoint, note = open_checkpoint(SIGNED, KEYS)
    assert checkpoint == HEAD
    assert [s.name for s in note.signatures] == [ORIGIN, ORIGIN]
    assert [key.kind for key in KEYS] == [ED25519, ML_DSA_44]
    assert len(SIGNED) < 3_500


def test_the_post_quantum_signature_is_over_the_structure_of_the_specification() -> None:
    raw = base64.b64decode(SIGNED.decode().splitlines()[-1].split(" ")[2])
    assert raw[:4] == hashlib.sha256(ORIGIN.encode() + b"\n\x06" + KEYS[1].public).digest()[:4]
    name = bytes([len(ORIGIN)]) + ORIGIN.encode()
    time = struct.unpack(">Q", raw[4:12])[0]
    message = b"subtree/v1\n\x00" + name + raw[4:12] + name + struct.pack(">QQ", 0, 70_000) + HEAD.root
    assert time == 1_772_449_200
    MLDSA44PublicKey.from_public_bytes(KEYS[1].public).verify(raw[12:], message)


def test_signatures_of_unknown_keys_are_left_alone() -> None:
    note = parse_note(SIGNED)
    stranger = Signature("witness.example/w1", b"\x01\x02\x03\x04", bytes(72))
    opened, _ = open_checkpoint(Note(note.text, (stranger, *note.signatures)).encode(), KEYS)
    assert opened == HEAD


def test_one_of_two_signatures_is_not_enough() -> None:
    note = parse_note(SIGNED)
    for kept in note.signatures:
        with pytest.raises(Refusal, match="signature-missing"):
            open_checkpoint(Note(note.text, (kept,)).encode(), KEYS)


def test_a_signature_that_stands_twice_is_refused() -> None:
    note = parse_note(SIGNED)
    with pytest.raises(Refusal, match="signature-repeated"):
        open_checkpoint(Note(note.text, (*note.signatures, note.signatures[0])).encode(), KEYS)


def test_a_signature_over_another_head_is_refused() -> None:
    other = Checkpoint(ORIGIN, HEAD.size + 1, HEAD.root)
    note = Note(other.text(), parse_note(SIGNED).signatures)
    for key in KEYS:
        with pytest.raises(Refusal, match="signature-invalid"):
            open_checkpoint(note.encode(), [key])


def test_a_key_of_another_origin_is_refused() -> None:
    stranger = VerifierKey("log.example/other", ED25519, KEYS[0].public)
    with pytest.raises(Refusal, match="checkpoint-origin-differs"):
        open_checkpoint(SIGNED, [stranger])


def test_no_checkpoint_opens_without_keys() -> None:
    with pytest.raises(InvariantError):
        open_checkpoint(SIGNED, [])


def test_every_changed_byte_of_a_checkpoint_is_refused() -> None:
    for position in range(len(SIGNED)):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(SIGNED)
            changed[position] ^= flip
            with pytest.raises(Refusal):
                open_checkpoint(bytes(changed), KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        f"a\n1\n{'A' * 43}=\nextension\n",
        f"a\n01\n{'A' * 43}=\n",
        f"a\n-1\n{'A' * 43}=\n",
        f"a\n0\n{'A' * 43}=\n",
        f"a\n1 \n{'A' * 43}=\n",
        f"a\n\N{ARABIC-INDIC DIGIT ONE}\n{'A' * 43}=\n",
        f"a\n{2**53}\n{'A' * 43}=\n",
        f"a\n{'9' * 5000}\n{'A' * 43}=\n",
        f"a b\n1\n{'A' * 43}=\n",
        f"\n1\n{'A' * 43}=\n",
        f"a\n1\n{'A' * 42}B=\n",
        "a\n1\nQUJD\n",
        f"a\n1\n{'A' * 43}=",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="checkpoint-malformed"):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note[:-1],
        lambda note: note.replace(b"\n", b"\r\n"),
        lambda note: note + b"\n",
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note.replace("— ".encode(), b"-- "),
        lambda note: note.replace("— ".encode(), "—  ".encode()),
        lambda note: note.replace(b"PeterNeumann ", b"PeterNeumann\xc2\xa0"),
        lambda note: note.replace(b"JnAM=", b"JnAN="),
        lambda note: note.replace(b"If", b"\xff\xfe"),
        lambda note: note.replace(b"If", b"\tI"),
        lambda note: b"text\n\n" + b"\xe2\x80\x94 a QUJDRA==\n",
        lambda note: b"text\n\n" + b"\xe2\x80\x94 a QUJDREU=\n" * 33,
        lambda note: b"",
    ],
)
def test_a_malformed_note_is_refused(change) -> None:
    changed = change(NEUMANN_NOTE)
    if changed == NEUMANN_NOTE:
        pytest.fail("nothing was changed")
    with pytest.raises(Refusal, match="note-malformed"):
        parse_note(changed)


def test_a_note_takes_at_least_sixteen_signatures() -> None:
    lines = b"\xe2\x80\x94 a QUJDREU=\n" * 16
    assert len(parse_note(b"text\n\n" + lines).signatures) == 16
