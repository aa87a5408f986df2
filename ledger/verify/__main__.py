"""`python -m ledger.verify`: the offline verifier by itself. Needs Python and `cryptography`, no database, no network.

Exit codes: 0 verified, 1 forged, 2 incomplete or unavailable, 3 usage.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ledger.errors import Refusal
from ledger.log.note import VerifierKey
from ledger.log.policy import Policy, parse_policy
from ledger.verify.acknowledgement import verify_acknowledgement
from ledger.verify.anchors import verify_anchors
from ledger.verify.balance import verify_balance
from ledger.verify.log import verify_log
from ledger.verify.receipt import verify_receipt
from ledger.verify.replay import replay
from ledger.verify.report import Report, explain

EXIT_FORGED, EXIT_UNAVAILABLE, EXIT_USAGE = 1, 2, 3


def main(arguments: Sequence[str]) -> int:
    """Run one verification, print its report, and return the exit code."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as ending:  # argparse answers a wrong call with 2, which here means incomplete
        return EXIT_USAGE if ending.code else 0
    try:
        policy = parse_policy(options.policy.read_bytes()) if options.policy else None
        report = _run(options, policy)
    except Refusal as refusal:
        sys.stderr.write(f"{explain(refusal)}\n")
        return EXIT_FORGED
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return EXIT_UNAVAILABLE
    sys.stdout.write(f"{report.to_json()}\n" if options.json else report.to_text())
    return report.exit_code


def _run(options: argparse.Namespace, policy: Policy | None) -> Report:
    path: Path = options.path
    match options.command:
        case "receipt":
            opening: Path = options.opening or path.with_name("opening.json")
            files = {"proof_file": path.name, "opening_file": opening.name}
            return verify_receipt(path.read_bytes(), opening.read_bytes(), policy, **files)
        case "balance":
            return verify_balance(path.read_bytes(), policy, file=path.name)
        case "anchors":
            return verify_anchors(path, policy, None)
        case "acknowledgement":
            key = VerifierKey.parse(options.key.read_text("utf-8").strip()) if options.key else None
            told = {"file": path.name, "key": key, "log_dir": options.log, "at": options.at}
            return verify_acknowledgement(path.read_bytes(), policy, **told)
        case "replay":
            return replay(path, options.openings, policy)
        case _:
            return verify_log(path, policy)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--policy", type=Path, help="the policy file of the log, from a source you trust")
    common.add_argument("--json", action="store_true", help="print the report as JSON")
    parser = argparse.ArgumentParser(prog="python -m ledger.verify", description="Verify offline.")
    commands = parser.add_subparsers(dest="command", required=True)
    receipt = commands.add_parser("receipt", parents=[common], help="a receipt: its .tlog-proof and opening.json")
    receipt.add_argument("path", type=Path, metavar="FILE.tlog-proof")
    receipt.add_argument("--opening", type=Path, help="the opening (default: opening.json beside the proof)")
    balance = commands.add_parser("balance", parents=[common], help="a balance on a day as known at an entry")
    balance.add_argument("path", type=Path, metavar="FILE")
    log = commands.add_parser("log", parents=[common], help="a mirror of a log: signatures, bytes, tiles, root")
    log.add_argument("path", type=Path, metavar="DIR")
    anchors = commands.add_parser("anchors", parents=[common], help="anchored checkpoints; not their tokens")
    anchors.add_argument("path", type=Path, metavar="DIR")
    promise = commands.add_parser("acknowledgement", parents=[common], help="the signed promise of an entry")
    promise.add_argument("path", type=Path, metavar="FILE")
    promise.add_argument("--log", type=Path, metavar="DIR", help="the log, which must hold the entry by the deadline")
    promise.add_argument("--key", type=Path, help="file with the public key, where the policy names none")
    promise.add_argument("--at", type=_instant, help="now, with its offset (default: the log's last signature)")
    audit = commands.add_parser("replay", parents=[common], help="a log with all its openings: every balance again")
    audit.add_argument("path", type=Path, metavar="DIR")
    audit.add_argument("--openings", type=Path, required=True, metavar="BUNDLE")
    return parser


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without an offset")
    return instant


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
