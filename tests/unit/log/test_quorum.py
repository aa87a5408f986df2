"""Quorums of a policy, and cosignatures: who is asked for, who signed, and what is refused."""

import hashlib
import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint, SigningKey, sign_checkpoint
from ledger.log.cosignature import Cosigned, cosign, cosigner, open_published, witnesses_of
from ledger.log.note import COSIGNATURE, ED25519, ML_DSA_44, Note, Signature, VerifierKey, parse_note
from ledger.log.policy import Policy, parse_policy, parse_quorum, policy_text
from ledger.log.quorum import MAX_WITNESSES, Group, Quorum, Witness
from ledger.verify.head import NO_WITNESSES, check_head
from ledger.verify.report import Report, Stop, Verdict

ORIGIN = "log.example/main"
LOG = (
    SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32)))),
    SigningKey(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes(range(32, 64)))),
)
HEAD = Checkpoint(ORIGIN, 70_000, hashlib.sha256(b"root").digest())
TIME = 1_772_449_200
SIGNED = parse_note(sign_checkpoint(HEAD, LOG, posix_time=TIME))


def witness_key(number: int, *, ml_dsa: bool = False) -> SigningKey:
    seed = hashlib.sha256(b"witness %d" % number).digest()
    private = MLDSA44PrivateKey.from_seed_bytes(seed) if ml_dsa else Ed25519PrivateKey.from_private_bytes(seed)
    return SigningKey(f"witness.example/w{number}", private)


KEYS = {"w1": witness_key(1), "w2": witness_key(2), "w3": witness_key(3, ml_dsa=True)}
LINES = [f"witness {name} {cosigner(key).vkey()}" for name, key in KEYS.items()]
LINES += ["group two-of-three 2 w1 w2 w3", "quorum two-of-three"]


def policy(*lines: str) -> Policy:
    keys = [f"log {key.verifier().vkey()}" for key in LOG]
    return parse_policy("".join(f"{line}\n" for line in (*keys, *lines)).encode())


POLICY = policy(*LINES)


def cosigned(*names: str, at: int = TIME) -> bytes:
    lines = (cosign(HEAD, KEYS[name], posix_time=at) for name in names)
    return Note(SIGNED.text, (*SIGNED.signatures, *lines)).encode()


def test_the_policy_of_the_specification_s_example_is_evaluated_as_it_says() -> None:
    names = ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    lines = [f"witness {name} {cosigner(witness_key(10 + i)).vkey()}" for i, name in enumerate(names)]
    lines += ["group X-witnesses 2 X1 X2 X3", "group Y-witnesses any Y1 Y2 Y3"]
    read = policy(*lines, "group X-and-Y all X-witnesses Y-witnesses", "quorum X-and-Y")
    for count in range(7):
        for some in itertools.combinations(names, count):
            enough = sum(name[0] == "X" for name in some) >= 2 and any(name[0] == "Y" for name in some)
            assert read.is_met_by(some) == enough
            if enough:
                needed = read.quorum.needed_of(some)
                assert len(needed) == 3
                assert read.is_met_by(needed)


def test_a_group_s_name_is_no_witness_and_nobody_is_enough_for_none() -> None:
    assert not POLICY.is_met_by({"two-of-three", "X"})
    assert policy("quorum none").is_met_by(())
    assert not policy(*LINES[:3], "quorum w2").is_met_by({"w1", "w3"})
    assert policy(*LINES[:3], "quorum w2").is_met_by({"w2"})


def test_a_quorum_is_written_as_it_is_read() -> None:
    quorum = parse_quorum("".join(f"{line}\n" for line in ["# ours", *LINES]).encode())
    assert quorum == POLICY.quorum
    written = policy_text([key.verifier() for key in LOG], receipt_certificate_sha256=None, quorum=quorum)
    assert parse_policy(written).quorum == quorum
    addressed = Quorum((Witness("a", cosigner(KEYS["w1"]), "https://w.example/a"),), (Group("g", 1, ("a",)),), "g")
    assert parse_quorum("".join(f"{line}\n" for line in addressed.lines()).encode()) == addressed


def test_a_witness_s_key_may_be_written_as_that_of_a_note() -> None:
    note_key = VerifierKey("witness.example/w1", ED25519, cosigner(KEYS["w1"]).public)
    [witness] = policy(f"witness w1 {note_key.vkey()}", "quorum w1").witnesses
    assert witness.key == cosigner(KEYS["w1"])
    assert (witness.key.kind, cosigner(KEYS["w3"]).kind) == (COSIGNATURE, ML_DSA_44)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [*LINES, "quorum none"],
        [*LINES[:3], "quorum nobody"],
        ["quorum w1", *LINES[:3]],
        [*LINES[:3], "group g 0 w1", "quorum g"],
        [*LINES[:3], "group g 3 w1 w2", "quorum g"],
        [*LINES[:3], "group g 01 w1 w2", "quorum g"],
        [*LINES[:3], "group g two w1 w2", "quorum g"],
        [*LINES[:3], "group g any", "quorum g"],
        [*LINES[:3], "group g any none", "quorum g"],
        [*LINES[:3], "group g all w1 w1", "quorum g"],
        [*LINES[:3], "group g all w1", "group h all w1 g", "quorum h"],
        [*LINES[:3], "group g all h", "group h all w1", "quorum g"],
        [*LINES[:3], "group w1 all w2", "quorum none"],
        [*LINES[:3], "group none all w2", "quorum none"],
        [LINES[0], LINES[0].replace("witness w1", "witness w9"), "quorum none"],
        [LINES[0], LINES[1].replace("witness w2", "witness w1"), "quorum none"],
        [LINES[0].replace("witness w1", "witness none"), "quorum none"],
        ["witness w1 key", "quorum none"],
        [f"{LINES[0]} http://w.example more", "quorum none"],
        [f"witness w1 {LOG[0].verifier().vkey()}", "quorum w1"],
        [LINES[0].replace("witness w1 ", "log "), "quorum none"],
        [f"witness n{i} {cosigner(witness_key(100 + i)).vkey()}" for i in range(MAX_WITNESSES + 1)] + ["quorum none"],
    ],
)
def test_a_quorum_that_says_too_little_too_much_or_the_same_twice_is_refused(lines: list[str]) -> None:
    with pytest.raises(Refusal, match=r"policy-malformed|verifier-key-malformed"):
        policy(*lines)


def test_a_file_of_witnesses_holds_nothing_else() -> None:
    with pytest.raises(Refusal, match="policy-malformed"):
        parse_quorum(f"log {LOG[0].verifier().vkey()}\nquorum none\n".encode())


def test_the_cosignature_of_the_specification_s_example_is_read_as_it_says() -> None:
    """Its key is elided there; what stands in the line is the time that the text states."""
    line = "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    note = parse_note(f"x\n\n\N{EM DASH} witness.example.com/w1 {line}\n".encode())
    assert int.from_bytes(note.signatures[0].signature[:8], "big") == 1_679_315_147
    assert len(note.signatures[0].signature) == 72


def test_an_ed25519_cosignature_is_over_header_time_and_text() -> None:
    signature = cosign(HEAD, KEYS["w1"], posix_time=TIME)
    key = cosigner(KEYS["w1"])
    assert signature.key_id == hashlib.sha256(b"witness.example/w1\n\x04" + key.public).digest()[:4]
    assert signature.signature[:8] == TIME.to_bytes(8, "big")
    message = f"cosignature/v1\ntime {TIME}\n{HEAD.text()}".encode()
    Ed25519PublicKey.from_public_bytes(key.public).verify(signature.signature[8:], message)


def test_who_cosigned_is_found_in_the_policy_s_order_with_the_time() -> None:
    checkpoint, note = open_published(cosigned("w1", "w3", at=7), POLICY)
    assert checkpoint == HEAD
    assert witnesses_of(checkpoint, note, POLICY) == (Cosigned("w1", 7), Cosigned("w3", 7))


@pytest.mark.parametrize(
    ("encoded", "code"),
    [
        (SIGNED.encode(), "quorum-not-reached"),
        (cosigned("w2"), "quorum-not-reached"),
        (cosigned("w2", "w1"), "signatures-out-of-order"),
        (cosigned("w1", "w1", "w2"), "signature-repeated"),
        (
            Note(
                SIGNED.text, (cosign(HEAD, KEYS["w1"], posix_time=1), *parse_note(cosigned("w2")).signatures)
            ).encode(),
            "signatures-out-of-order",
        ),
    ],
)
def test_a_checkpoint_that_the_policy_does_not_accept_is_refused(encoded: bytes, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        open_published(encoded, POLICY)


def test_a_bad_cosignature_of_a_known_witness_rejects_the_note_though_others_are_enough() -> None:
    other = Checkpoint(ORIGIN, HEAD.size + 1, HEAD.root)
    for name in KEYS:
        lines = [cosign(other if n == name else HEAD, key, posix_time=TIME) for n, key in KEYS.items()]
        with pytest.raises(Refusal, match="signature-invalid"):
            open_published(Note(SIGNED.text, (*SIGNED.signatures, *lines)).encode(), POLICY)
    short = Signature("witness.example/w1", cosigner(KEYS["w1"]).key_id, b"short")
    with pytest.raises(Refusal, match="signature-invalid"):
        open_published(Note(SIGNED.text, (*SIGNED.signatures, short)).encode(), POLICY)


def test_a_time_beyond_the_limit_is_no_cosignature() -> None:
    with pytest.raises(ValueError, match="a time outside"):
        cosign(HEAD, KEYS["w1"], posix_time=2**63)
    good = cosign(HEAD, KEYS["w1"], posix_time=1)
    late = Signature(good.name, good.key_id, b"\xff" * 8 + good.signature[8:])
    with pytest.raises(Refusal, match="signature-invalid"):
        open_published(Note(SIGNED.text, (*SIGNED.signatures, late)).encode(), POLICY)


def test_every_changed_byte_of_a_cosigned_checkpoint_is_refused() -> None:
    """It holds no more cosignatures than are needed, so not even one under a name made unknown is passed over."""
    whole = cosigned("w1", "w2")
    for position in range(len(SIGNED.encode()), len(whole)):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(whole)
            changed[position] ^= flip
            with pytest.raises(Refusal):
                open_published(bytes(changed), POLICY)


def report_on(encoded: bytes, trusted: Policy) -> Report:
    report = Report("head")
    try:
        check_head(report, encoded, trusted, "checkpoint")
    except Stop:
        report.not_checked.append("the rest")
    return report


def test_a_report_names_the_witnesses_and_when_they_cosigned() -> None:
    report = report_on(cosigned("w1", "w3"), POLICY)
    assert report.verdict is Verdict.VERIFIED
    assert report.checks[-1].name == "witnesses"
    when = "2026-03-02T11:00:00Z"
    assert report.checks[-1].detail == f"cosigned by w1 at {when}, w3 at {when}; quorum two-of-three stands"
    assert NO_WITNESSES not in report.not_checked
    assert "w1 at second 9000000000000000" in report_on(cosigned("w1", "w2", at=9 * 10**15), POLICY).checks[-1].detail


def test_without_a_quorum_a_report_is_incomplete_and_with_a_bad_cosignature_forged() -> None:
    lacking = report_on(cosigned("w1"), POLICY)
    assert lacking.verdict is Verdict.INCOMPLETE
    assert "witnesses: quorum not reached" in lacking.missing[0]
    assert report_on(cosigned("w2", "w1"), POLICY).verdict is Verdict.FORGED
    assert NO_WITNESSES in report_on(SIGNED.encode(), policy("quorum none")).not_checked


def test_lines_of_witnesses_that_the_policy_does_not_name_are_listed() -> None:
    report = report_on(cosigned("w1"), policy("quorum none"))
    assert report.verdict is Verdict.VERIFIED
    assert "a signature line by witness.example/w1: no such key in the policy" in report.not_checked
