"""What an auditor does with keys of her own: make them, and put her word on a log that she replayed."""

from pathlib import Path

import click

from api.cli.options import settings_for
from api.cli.verify import policy_option, show, trusted_policy
from ledger.clock import SystemClock
from ledger.errors import Refusal
from ledger.log.attestation import attest, put_attestation
from ledger.log.auditor import AuditorKey, load_auditor_key, make_auditor_key, public_path
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import from_b64
from ledger.log.files import write_atomically
from ledger.verify.replay import replay
from ledger.verify.report import Report

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
key_option = click.option("--key", "key_file", type=_FILE, help="The auditor's private key file.")


@click.command("key")
@click.argument("name")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The private key file.")
def key_command(name: str, out: Path) -> None:
    """Make an auditor's keys under NAME, such as auditor.example/anna; the public side goes to a file in .pub.

    With BXL_KEY_PASSPHRASE set, the private keys are encrypted.
    """
    make_auditor_key(out, name=name, passphrase=settings_for(None).key_passphrase)
    click.echo(f"{out} is yours alone; {public_path(out)} is for the operator, and for whoever trusts {name}")


@click.command("attest")
@click.option("--log", "log_folder", type=_FOLDER, required=True, help="The copy of the log.")
@click.option("--openings", type=_FILE, required=True, help="The bundle that opens it.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that hash.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it (default: in the log).")
@key_option
@policy_option
def attest_command(
    log_folder: Path, openings: Path, jobs: int, out: Path | None, key_file: Path | None, policy_file: Path | None
) -> None:
    """Replay a log and, if nothing is wrong and nothing missing, sign up to where."""
    if key_file is None:
        raise click.UsageError("--key is missing: it signs the attestation")
    key = auditor_key(key_file)
    report = replay(log_folder, openings, trusted_policy(policy_file), jobs=jobs, key=key.opening)
    show(report, as_json=False)
    if report.exit_code:
        raise Refusal("replay-not-verified", verdict=report.verdict.value)
    checkpoint = _checkpoint(report)
    signed = attest(checkpoint, key.public().signing, key.signing, posix_time=int(SystemClock().now().timestamp()))
    if out is None:
        put_attestation(log_folder, signed, checkpoint, key.name)
    else:
        write_atomically(out, signed)
    click.echo(f"{key.name} attests {checkpoint.size} entries of {checkpoint.origin}")


def auditor_key(path: Path) -> AuditorKey:
    """The keys in a private file."""
    return load_auditor_key(path, passphrase=settings_for(None).key_passphrase)


def _checkpoint(report: Report) -> Checkpoint:
    """The checkpoint that was replayed to, as the report tells it: the files may have changed meanwhile."""
    origin, size, root = (report.figures[name] for name in ("log", "size", "root"))
    return Checkpoint(str(origin), int(size), from_b64(str(root)))
