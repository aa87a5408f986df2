"""Vectors of the signed head and of the policy: notes that open under two keys, and notes that must not."""

from collections.abc import Iterator

from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64
from ledger.log.merkle import EMPTY_ROOT, root
from ledger.log.note import Note, Signature, parse_note
from tests.log_vectors.base import (
    C2SP,
    ED,
    FORGED,
    ORIGIN,
    OTHER_ED,
    OTHER_POLICY,
    OTHER_PQ,
    OURS,
    POLICY,
    POLICY_FILE,
    PQ,
    VERIFIED,
    Vector,
    ed25519_line,
    resigned,
    signed,
)
from tests.log_vectors.proofs import LEAVES

SIZES = (1, 2, 3, 4, 5, 15, 16, 17, 255, 256, 257)
SIZE = 17
HEAD = Checkpoint(ORIGIN, SIZE, root(LEAVES[:SIZE]))
NOTE_FILE = f"checkpoint/size-{SIZE}"
OTHERS_NOTE_FILE = "checkpoint/of-other-keys"
MANY = 101
"""More signatures than any known verifier reads: Go's reads 100."""


def checkpoint_vectors() -> Iterator[Vector]:
    """All of them."""
    for size in SIZES:
        head, name = Checkpoint(ORIGIN, size, root(LEAVES[:size])), f"size-{size}"
        note = signed(f"checkpoint/{name}", head)
        yield _vector(name, note, "both keys signed", expected=VERIFIED)
    note = signed(NOTE_FILE, HEAD)
    yield from _texts(note)
    yield from _signatures(note)
    yield from _bytes(note)
    yield from _policies(note)


def _texts(note: bytes) -> Iterator[Vector]:
    """Texts that are no checkpoint of ours, whatever their signatures: the Ed25519 key signed each of them."""
    zeros, text = b64(EMPTY_ROOT), HEAD.text()
    origin, size, root_line, _ = text.split("\n")
    changed = {
        "extension-line": (f"{text}extension\n", OURS, "no extension line: nobody outside can audit it"),
        "leading-zero": (text.replace("\n17\n", "\n017\n"), C2SP, "the size has a leading zero"),
        "size-with-plus": (text.replace("\n17\n", "\n+17\n"), C2SP, "the size has a sign"),
        "size-negative": (text.replace("\n17\n", "\n-17\n"), C2SP, "the size is below zero"),
        "size-hexadecimal": (text.replace("\n17\n", "\n0x11\n"), C2SP, "the size is not in decimal digits"),
        "size-in-other-digits": (text.replace("\n17\n", "\n\u0661\u0667\n"), C2SP, "the digits are not ASCII"),
        "size-with-a-space": (text.replace("\n17\n", "\n17 \n"), C2SP, "a space after the size"),
        "size-of-2-to-the-53": (text.replace("\n17\n", f"\n{2**53}\n"), OURS, "the size is 2^53"),
        "size-missing": (f"{origin}\n{root_line}\n", C2SP, "there is no size"),
        "size-0": (f"{origin}\n0\n{zeros}\n", OURS, "size 0 is never published"),
        "root-missing": (f"{origin}\n{size}\n", C2SP, "there is no root"),
        "root-of-31-bytes": (f"{origin}\n{size}\n{b64(HEAD.root[1:])}\n", C2SP, "the root has 31 bytes"),
        "root-without-padding": (f"{origin}\n{size}\n{root_line[:-1]}\n", C2SP, "the base64 lacks its padding"),
        "root-with-loose-bits": (
            f"{origin}\n{size}\n{_loose(root_line)}\n", OURS, "the base64 has another spelling of the same bytes",
        ),
        "origin-missing": (f"\n{size}\n{root_line}\n", C2SP, "the origin is empty"),
        "origin-with-a-space": (f"{origin} x\n{size}\n{root_line}\n", C2SP, "the origin is not that of the log"),
        "origin-of-another-log": (text.replace("/main", "/other"), C2SP, "the origin is not that of the log"),
        "blank-line-in-text": (f"{origin}\n\n{size}\n{root_line}\n", C2SP, "a blank line stands in the text"),
        "blank-line-after-text": (f"{text}\n", C2SP, "a blank line stands at the end of the text"),
    }  # fmt: skip
    for name, (other, rule, why) in changed.items():
        yield _vector(name, resigned(other, note), why, rule=rule)


def _signatures(note: bytes) -> Iterator[Vector]:
    """The right text with signatures that do not do."""
    first, second = parse_note(note).signatures
    strangers = [Signature(f"witness.example/w{i}", i.to_bytes(4, "big"), bytes(72)) for i in range(MANY)]
    text, kept = HEAD.text(), parse_note(signed(OTHERS_NOTE_FILE, HEAD, (OTHER_ED, OTHER_PQ))).signatures
    bad, posed = (
        bytes([first.signature[0] ^ 1, *first.signature[1:]]),
        ed25519_line(text, OTHER_ED, key_id=first.key_id),
    )
    late = Signature(second.name, second.key_id, bytes([second.signature[7] ^ 1, *second.signature[1:]]))
    other_text = HEAD.text().replace("\n17\n", "\n18\n")
    yield _vector("of-other-keys", Note(text, kept).encode(), "none of the log's keys signed")
    yield _note("17-signatures", (*strangers[:15], first, second), "15 lines of unknown keys are left alone", VERIFIED)
    yield _note("unknown-key-last", (first, second, strangers[0]), "a line of an unknown key is left alone", VERIFIED)
    yield _note("unknown-key-of-the-same-name", (kept[0], first, second), "name and id name a key", VERIFIED)
    yield _note("101-signatures", (*strangers[:99], first, second), "more signatures than are read")
    yield _note("only-ed25519", (first,), "the ML-DSA-44 signature is missing: both are asked for", rule=OURS)
    yield _note("only-ml-dsa-44", (second,), "the Ed25519 signature is missing: both are asked for", rule=OURS)
    yield _note("signatures-reordered", (second, first), "the signatures are not in the policy's order", rule=OURS)
    yield _note("signature-repeated", (first, first, second), "a key signs once", rule=OURS)
    yield _note("signature-bit", (Signature(first.name, first.key_id, bad), second), "one bit of Ed25519 is another")
    yield _note("time-bit", (first, late), "one bit of the time that ML-DSA-44 signs is another", rule=OURS)
    yield _note("key-id-collision", (posed, first, second), "a stranger's key has the id of the log's, and its line "
                "stands first: a wrong signature by a known key")  # fmt: skip
    yield _note("key-id-collision-alone", (posed, second), "a stranger signed under the log's key id")
    exchanged = Signature(ORIGIN, second.key_id, first.signature), Signature(ORIGIN, first.key_id, second.signature)
    yield _note("key-ids-exchanged", exchanged, "each line bears the other key's id")
    yield _note("signature-empty", (Signature(first.name, first.key_id, b"\x00"), second), "the signature is one byte")
    yield _vector("other-size", Note(other_text, (first, second)).encode(), "the signatures are over size 17")
    yield _vector("ml-dsa-44-of-another-size", resigned(other_text, note), "Ed25519 is over 18, ML-DSA-44 over 17",
                  rule=OURS)  # fmt: skip


def _bytes(note: bytes) -> Iterator[Vector]:
    """The right note, written otherwise."""
    dash = "— ".encode()
    changed = {
        "crlf": (note.replace(b"\n", b"\r\n"), "lines end with CR LF"),
        "crlf-in-text": (note.replace(b"\n17\n", b"\r\n17\r\n"), "lines of the text end with CR LF"),
        "no-newline-at-the-end": (note[:-1], "the last line has no end"),
        "newline-at-the-end": (note + b"\n", "a blank line stands at the end"),
        "no-blank-line": (note.replace(b"\n\n", b"\n"), "nothing parts text and signatures"),
        "no-signatures": (note.partition(b"\n\n")[0] + b"\n\n", "there are no signatures"),
        "hyphen-for-dash": (note.replace(dash, b"- "), "signature lines begin with an em dash"),
        "two-spaces": (note.replace(dash, dash + b" "), "two spaces stand after the dash"),
        "byte-order-mark": (b"\xef\xbb\xbf" + note, "the file begins with a byte order mark"),
        "not-utf-8": (note.replace(b"ledger", b"l\xe9dger", 1), "the text is Latin-1"),
        "nul": (note.replace(b"\n17\n", b"\n17\x00\n"), "a control character stands in the text"),
        "tab": (note.replace(b"\n17\n", b"\n17\t\n"), "a control character stands in the text"),
        "space-at-line-end": (note.replace(b"\n17\n", b"\n17 \n"), "the text is not what was signed"),
        "signature-without-padding": (note[:-2].rstrip(b"=") + b"\n", "the base64 lacks its padding"),
        "empty": (b"", "the file is empty"),
    }
    for name, (other, why) in changed.items():
        if other == note:
            raise ValueError(f"{name} changes nothing")
        yield _vector(name, other, why)


def _policies(note: bytes) -> Iterator[Vector]:
    """The right note under other policies."""
    ed, pq = ED.verifier().vkey().encode(), PQ.verifier().vkey().encode()
    changed = {
        "comments-and-spaces": (b"#\n \n" + POLICY.replace(b"log ", b"log\t "), VERIFIED, "spaces are free"),
        "of-other-keys": (OTHER_POLICY, FORGED, "the policy names other keys"),
        "without-a-log": (b"quorum none\n", FORGED, "the policy names no log"),
        "without-quorum": (b"log %s\nlog %s\n" % (ed, pq), FORGED, "the policy lacks its quorum line"),
        "quorum-twice": (POLICY + b"quorum none\n", FORGED, "the policy has two quorum lines"),
        "quorum-of-nobody": (POLICY.replace(b"quorum none", b"quorum x"), FORGED, "no witness has that name"),
        "unknown-word": (POLICY + b"trust me\n", FORGED, "an unknown word"),
        "key-id-of-another-key": (POLICY.replace(ed, ed.replace(ed.split(b"+")[1], b"00000000")), FORGED,
                                  "the id of a key does not follow from it"),
        "key-twice": (POLICY + b"log %s\n" % ed, FORGED, "a key stands twice"),
        "no-newline-at-the-end": (POLICY[:-1], FORGED, "the last line has no end"),
        "crlf": (POLICY.replace(b"\n", b"\r\n"), FORGED, "lines end with CR LF"),
        "empty": (b"", FORGED, "the policy is empty"),
    }  # fmt: skip
    for name, (policy, expected, why) in changed.items():
        files = {"checkpoint": (NOTE_FILE, note), "policy": (f"policies/{name}", policy)}
        yield Vector(f"policy-{name}", "checkpoint", files, expected, OURS, why)


def _note(
    name: str, signatures: tuple[Signature, ...], why: str, expected: str = FORGED, *, rule: str = C2SP
) -> Vector:
    encoded = Note(HEAD.text(), signatures).encode()
    return _vector(name, encoded, why, expected=expected, rule=rule)


def _vector(name: str, note: bytes, why: str, *, expected: str = FORGED, rule: str = C2SP) -> Vector:
    files = {"checkpoint": (f"checkpoint/{name}", note), "policy": POLICY_FILE}
    return Vector(f"checkpoint-{name}", "checkpoint", files, expected, rule, why)


def _loose(root_line: str) -> str:
    """Another last character of the same 32 bytes: base64 leaves two bits of it unused."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = letters.index(root_line[-2])
    return f"{root_line[:-2]}{letters[last ^ 1]}="
