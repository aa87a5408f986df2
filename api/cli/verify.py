"""`bxl verify`: checks that need no database, and no network but for what an address is given for."""

from functools import partial
from pathlib import Path

import click

from api.cli.options import settings_for
from contracts.votes.verify import verify_vote
from ledger.clock import SystemClock
from ledger.errors import Refusal
from ledger.log.auditor import read_auditor_public
from ledger.log.note import VerifierKey
from ledger.log.policies import installed_policy
from ledger.log.policy import Policy, parse_policy
from ledger.log.receipt import ReceiptFiles
from ledger.verify.acknowledgement import verify_acknowledgement
from ledger.verify.anchors import verify_anchors
from ledger.verify.balance import verify_balance
from ledger.verify.consistency import verify_two, verify_views
from ledger.verify.log import verify_log
from ledger.verify.places import log_at, view_at
from ledger.verify.receipt import NO_POLICY, read_part, verify_receipt
from ledger.verify.replay import replay
from ledger.verify.report import Report
from ledger.verify.totals import verify_state

LARGEST_PAPER = 1 << 24
"""Bytes of a receipt in PDF."""
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

policy_option = click.option(
    "--policy", "policy_file", type=_FILE, help="The log's policy file (default: that of this installation)."
)


@click.group("verify")
def verify() -> None:
    """Check a receipt, a balance, totals, a vote or a copy of the log, offline."""


@verify.command("receipt")
@click.argument("file", type=_FILE)
@click.option("--opening", type=_FILE, help="The opening (default: opening.json beside the proof).")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def receipt(file: Path, opening: Path | None, policy_file: Path | None, *, as_json: bool) -> int:
    """Check FILE: a receipt in PDF, or a .tlog-proof with its opening."""
    policy = trusted_policy(policy_file)
    if read_part(file)[:5] == b"%PDF-" or file.suffix.lower() == ".pdf":
        return show(_verify_pdf(file, policy), as_json=as_json)
    opening = opening or file.with_name("opening.json")
    if not opening.exists():
        raise click.FileError(str(opening), "the opening is missing; name it with --opening")
    files = {"proof_file": file.name, "opening_file": opening.name}
    return show(verify_receipt(read_part(file), read_part(opening), policy, **files), as_json=as_json)


@verify.command("balance")
@click.argument("file", type=_FILE)
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def balance(file: Path, policy_file: Path | None, *, as_json: bool) -> int:
    """Check FILE: a balance on a day as known at an entry, with all that it rests on."""
    return show(verify_balance(file.read_bytes(), trusted_policy(policy_file), file=file.name), as_json=as_json)


@verify.command("log")
@click.argument("place", metavar="DIR|URL")
@click.option("--since", metavar="CHECKPOINT", help="An older checkpoint you trust: the log must have grown from it.")
@click.option("--auditor", "auditors", type=_FILE, multiple=True, help="The public key file of an auditor you trust.")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def log(place: str, since: str | None, auditors: tuple[Path, ...], policy_file: Path | None, *, as_json: bool) -> int:
    """Check a log in a folder or at an address: signatures, every entry's bytes, every tile, the root."""
    older = view_at(since) if since else None
    trusted = [read_auditor_public(file).signing for file in auditors]
    return show(verify_log(place, trusted_policy(policy_file), since=older, auditors=trusted), as_json=as_json)


@verify.command("consistency")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.option("--log", "tiles", metavar="DIR|URL", help="Where the tiles are (default: beside the larger checkpoint).")
@click.option("--proof", type=_FILE, help="A consistency proof, a hash in base64 a line.")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def consistency(
    one: str, other: str, tiles: str | None, proof: Path | None, policy_file: Path | None, *, as_json: bool
) -> int:
    """Check that the smaller of checkpoints A and B (files, folders, addresses) is a beginning of the larger."""
    place = log_at(tiles) if tiles else None
    return show(verify_two(one, other, trusted_policy(policy_file), proof=proof, log=place), as_json=as_json)


@verify.command("witness-diff")
@click.argument("own", metavar="DIR")
@click.argument("others", nargs=-1, required=True, metavar="URL...")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def witness_diff(own: str, others: tuple[str, ...], policy_file: Path | None, *, as_json: bool) -> int:
    """Check that the log in DIR and every view at a URL (a mirror, a witness) are one and the same."""
    return show(verify_views(own, others, trusted_policy(policy_file)), as_json=as_json)


@verify.command("replay")
@click.argument("folder", type=_FOLDER)
@click.option("--openings", type=_FILE, required=True, help="The bundle that opens the log's commitments.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that hash.")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def replay_command(folder: Path, openings: Path, policy_file: Path | None, *, jobs: int, as_json: bool) -> int:
    """Derive everything again from the log in FOLDER and an open bundle; `bxl audit --log` reads encrypted ones."""
    return show(replay(folder, openings, trusted_policy(policy_file), jobs=jobs), as_json=as_json)


@verify.command("anchors")
@click.argument("folder", type=_FOLDER)
@click.option("--tsa-certificate", type=_FILE, help="PEM file of the authority's root (default: BXL_TSA_CERTIFICATE).")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def anchors(folder: Path, tsa_certificate: Path | None, policy_file: Path | None, *, as_json: bool) -> int:
    """Check the anchors of the log in FOLDER: each is a checkpoint the log continues, stamped by the authority."""
    certificate = tsa_certificate or settings_for(None, None).tsa_certificate
    check = None
    if certificate is not None:
        from api.timestamps import check_token, read_certificates  # noqa: PLC0415 -- only anchors need the client

        check = partial(check_token, read_certificates(certificate))
    return show(verify_anchors(folder, trusted_policy(policy_file), check), as_json=as_json)


@verify.command("acknowledgement")
@click.argument("file", type=_FILE)
@click.option("--log", "place", metavar="DIR|URL", help="The log, to see whether the promise was kept.")
@click.option("--key", "key_file", type=_FILE, help="File with the public key (vkey), where the policy names none.")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def acknowledgement(
    file: Path, place: str | None, key_file: Path | None, policy_file: Path | None, *, as_json: bool
) -> int:
    """Check FILE, the signed promise of an entry; past its deadline, the log in --log must hold the entry."""
    key = VerifierKey.parse(key_file.read_text("utf-8").strip()) if key_file else None
    report = verify_acknowledgement(
        read_part(file),
        trusted_policy(policy_file),
        file=file.name,
        key=key,
        log=place,
        at=SystemClock().now(),
    )
    return show(report, as_json=as_json)


@verify.command("state")
@click.argument("place", metavar="DIR|URL")
@click.argument("period")
@click.option("--mine", type=_FILE, help="The paths of one's own balances: the file, or the statement it came with.")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def state(place: str, period: str, mine: Path | None, policy_file: Path | None, *, as_json: bool) -> int:
    """Check the totals of the period that ends on the day PERIOD in a log, and one's own part in them."""
    policy = trusted_policy(policy_file)
    if mine is None:
        return show(verify_state(place, period, policy), as_json=as_json)
    return show(verify_state(place, period, policy, mine=_paths(mine), mine_file=mine.name), as_json=as_json)


@verify.command("vote")
@click.argument("file", type=_FILE)
@click.option("--ballot", "own", type=_FILE, help="One's own ballot: is it counted, under what it says?")
@click.option("--auditor", type=_FILE, help="The auditor's file: every head and coin follows from one ballot.")
@click.option("--openings", type=_FILE, help="A bundle of openings: the auditor's file opens every ballot of the log.")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def vote(
    file: Path,
    own: Path | None,
    auditor: Path | None,
    openings: Path | None,
    policy_file: Path | None,
    *,
    as_json: bool,
) -> int:
    """Check FILE, a published vote: its records are those the log holds, and its result follows from them."""
    report = verify_vote(
        file.read_bytes(),
        trusted_policy(policy_file),
        own=own.read_bytes() if own else None,
        auditor=auditor.read_bytes() if auditor else None,
        openings=openings,
        file=file.name,
        own_file=own.name if own else "",
        auditor_file=auditor.name if auditor else "",
    )
    return show(report, as_json=as_json)


def trusted_policy(policy_file: Path | None, database: str | None = None, book: str | None = None) -> Policy | None:
    """The policy of --policy, else of this installation, else none; never one that comes with what is checked."""
    if policy_file is not None:
        return parse_policy(policy_file.read_bytes())
    return installed_policy(settings_for(database, book).log_folder)


def show(report: Report, *, as_json: bool) -> int:
    """Print a report; its exit code."""
    click.echo(report.to_json() if as_json else report.to_text(), nl=as_json)
    return report.exit_code


def _verify_pdf(file: Path, policy: Policy | None) -> Report:
    """The signature over all bytes of the PDF first, then the two files in it."""
    report = Report(f"receipt {file.name}")
    if policy is None or policy.receipt_certificate_sha256 is None:
        report.missing.append(NO_POLICY)
        return report
    try:
        pdf = _bytes_of(file)
        files = _attached(pdf, policy.receipt_certificate_sha256)
    except Refusal as refusal:
        report.failed("PDF signature", file.name, refusal)
        report.not_checked.append("whatever rests on the check that failed")
        return report
    report.passed("PDF signature", file.name, f"over all {len(pdf)} bytes, by the certificate that the policy names")
    inner = verify_receipt(
        files.proof,
        files.opening,
        policy,
        proof_file=f"{file.name}: receipt.tlog-proof",
        opening_file=f"{file.name}: opening.json",
    )
    return Report(
        report.subject,
        report.checks + inner.checks,
        [*inner.not_checked, "whether the page says what its two attachments say, beyond the signature over both"],
        inner.missing,
        inner.figures,
    )


def _bytes_of(file: Path) -> bytes:
    if file.stat().st_size > LARGEST_PAPER:
        raise Refusal("receipt-too-large", largest=LARGEST_PAPER)
    return file.read_bytes()


def _attached(pdf: bytes, certificate_sha256: str) -> ReceiptFiles:
    from contracts.documents.verify import verify_receipt_pdf  # noqa: PLC0415 -- only PDF receipts need its libraries

    contents = verify_receipt_pdf(pdf, receipt_certificate_sha256=certificate_sha256)
    return ReceiptFiles(contents.proof, contents.opening)


def _paths(file: Path) -> bytes:
    """The file itself, or what is attached to a statement; refuses `totals-proof-malformed` where nothing is."""
    content = file.read_bytes()
    if not content.startswith(b"%PDF-"):
        return content
    from contracts.documents.statement import attached_paths  # noqa: PLC0415 -- only a PDF needs its libraries

    return attached_paths(content)
