"""`python -m ledger.verify`: the verifier by itself. Needs Python and `cryptography`, no database, and no network but
for what an address is given for.

Exit codes: 0 verified, 1 forged, 2 incomplete or unavailable, 3 usage.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ledger.errors import Refusal
from ledger.log.auditor import load_auditor_key, read_auditor_public
from ledger.log.note import VerifierKey
from ledger.log.policies import trust
from ledger.log.policy import Policy, parse_policy
from ledger.verify.acknowledgement import verify_acknowledgement
from ledger.verify.anchors import verify_anchors
from ledger.verify.balance import verify_balance
from ledger.verify.consistency import verify_two, verify_views
from ledger.verify.log import verify_log
from ledger.verify.places import log_at, view_at
from ledger.verify.receipt import read_part, verify_receipt
from ledger.verify.replay import replay
from ledger.verify.report import Report, explain
from ledger.verify.totals import verify_state

AUDITOR = "an auditor whose attestation you trust, besides those of the policy"
EXIT_FORGED, EXIT_UNAVAILABLE, EXIT_USAGE = 1, 2, 3


def main(arguments: Sequence[str]) -> int:
    """Run one verification, print its report, and return the exit code."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as ending:  # argparse answers a wrong call with 2, which here means incomplete
        return EXIT_USAGE if ending.code else 0
    try:
        files = [*([options.policy] if options.policy else []), *options.older_policy]
        policy = trust([parse_policy(file.read_bytes()) for file in files]) if files else None
        report = _run(options, policy)
    except Refusal as refusal:
        sys.stderr.write(f"{explain(refusal)}\n")
        return EXIT_FORGED
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'temporary files'}: {error.strerror}\n")
        return EXIT_UNAVAILABLE
    sys.stdout.write(f"{report.to_json()}\n" if options.json else report.to_text())
    return report.exit_code


def _run(options: argparse.Namespace, policy: Policy | None) -> Report:
    command: str = options.command
    match command:
        case "consistency":
            tiles = log_at(options.log) if options.log else None
            return verify_two(options.one, options.other, policy, proof=options.proof, log=tiles)
        case "witness-diff":
            return verify_views(options.own, options.others, policy)
        case "state":
            mine: Path | None = options.mine
            if mine is None:
                return verify_state(options.place, options.period, policy)
            return verify_state(options.place, options.period, policy, mine=mine.read_bytes(), mine_file=mine.name)
        case "log":
            older = view_at(options.since) if options.since else None
            auditors = [read_auditor_public(path).signing for path in options.auditor]
            return verify_log(options.place, policy, since=older, auditors=auditors)
        case _:
            return _run_on_file(options, options.path, policy)


def _run_on_file(options: argparse.Namespace, path: Path, policy: Policy | None) -> Report:
    command: str = options.command
    match command:
        case "receipt":
            opening: Path = options.opening or path.with_name("opening.json")
            files = {"proof_file": path.name, "opening_file": opening.name}
            return verify_receipt(read_part(path), read_part(opening), policy, **files)
        case "balance":
            return verify_balance(path.read_bytes(), policy, file=path.name)
        case "anchors":
            return verify_anchors(path, policy, None)
        case "acknowledgement":
            named = VerifierKey.parse(options.key.read_text("utf-8").strip()) if options.key else None
            told = {"file": path.name, "key": named, "log": options.log, "at": options.at}
            return verify_acknowledgement(read_part(path), policy, **told)
        case _:
            key = load_auditor_key(options.key, passphrase=None).opening if options.key else None
            return replay(path, options.openings, policy, jobs=options.jobs, key=key)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--policy", type=Path, help="the policy file of the log, from a source you trust")
    older = "a policy before it, for what was signed under that one; may be repeated"
    common.add_argument("--older-policy", type=Path, action="append", default=[], help=older)
    common.add_argument("--json", action="store_true", help="print the report as JSON")
    parser = argparse.ArgumentParser(prog="python -m ledger.verify", description="Verify offline.")
    commands = parser.add_subparsers(dest="command", required=True)
    receipt = commands.add_parser("receipt", parents=[common], help="a receipt: its .tlog-proof and opening.json")
    receipt.add_argument("path", type=Path, metavar="FILE.tlog-proof")
    receipt.add_argument("--opening", type=Path, help="the opening (default: opening.json beside the proof)")
    balance = commands.add_parser("balance", parents=[common], help="a balance on a day as known at an entry")
    balance.add_argument("path", type=Path, metavar="FILE")
    log = commands.add_parser("log", parents=[common], help="a mirror of a log: signatures, bytes, tiles, root")
    log.add_argument("place", metavar="DIR|URL")
    log.add_argument(
        "--since", metavar="CHECKPOINT", help="an older checkpoint you trust: the log must have grown from it"
    )
    log.add_argument("--auditor", type=Path, action="append", default=[], metavar="FILE.pub", help=AUDITOR)
    two = commands.add_parser("consistency", parents=[common], help="two checkpoints: the smaller begins the larger")
    two.add_argument("one", metavar="A", help="a checkpoint file, a log's folder, or an address of either")
    two.add_argument("other", metavar="B")
    two.add_argument("--log", metavar="DIR|URL", help="where the tiles are (default: beside the larger checkpoint)")
    two.add_argument("--proof", type=Path, metavar="FILE", help="a consistency proof, a hash in base64 a line")
    views = commands.add_parser("witness-diff", parents=[common], help="the same log, as many show it")
    views.add_argument("own", metavar="DIR")
    views.add_argument("others", nargs="+", metavar="URL")
    anchors = commands.add_parser("anchors", parents=[common], help="anchored checkpoints; not their tokens")
    anchors.add_argument("path", type=Path, metavar="DIR")
    promise = commands.add_parser("acknowledgement", parents=[common], help="the signed promise of an entry")
    promise.add_argument("path", type=Path, metavar="FILE")
    promise.add_argument("--log", metavar="DIR|URL", help="the log, which must hold the entry by the deadline")
    promise.add_argument("--key", type=Path, help="file with the public key, where the policy names none")
    promise.add_argument("--at", type=_instant, help="now, with its offset (default: the log's last signature)")
    audit = commands.add_parser("replay", parents=[common], help="a log with all its openings: every balance again")
    audit.add_argument("path", type=Path, metavar="DIR")
    audit.add_argument("--jobs", type=int, choices=range(1, 65), default=1, metavar="N", help="processes that hash")
    audit.add_argument("--openings", type=Path, required=True, metavar="BUNDLE")
    audit.add_argument("--key", type=Path, metavar="FILE", help="the auditor's key, for an encrypted bundle")
    state = commands.add_parser("state", parents=[common], help="the totals of a closed period, and one's own part")
    state.add_argument("place", metavar="DIR|URL")
    state.add_argument("period", metavar="PERIOD", help="its last day")
    state.add_argument("--mine", type=Path, metavar="FILE", help="the paths of one's own balances")
    return parser


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without an offset")
    return instant


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
