"""Commands that change the keys and the policy of the log, each under four eyes: one person asks, another enters."""

import json
import re
from pathlib import Path

import click

from api.bootstrap import open_book
from api.cli.options import as_actor, book_options, settings_for
from api.keys.pkcs11 import token_keys
from api.settings import Settings
from ledger import approvals
from ledger.announcing import announce_policy, request_new_origin, request_policy, request_rotation, retire_keys
from ledger.clock import SystemClock
from ledger.errors import Refusal
from ledger.log.keys import make_later_keys
from ledger.log.note import VerifierKey
from ledger.signing import policy_in_force

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_GENERATION = re.compile(r"(?P<host>.+)/(?P<generation>[0-9]{1,9})/(?P<book>[^/]+)")
reason_option = click.option("--reason", required=True, help="What the second person reads.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@click.command("rotate-key")
@reason_option
@as_actor
@json_option
@book_options
def rotate_key(reason: str, actor: str, *, as_json: bool, database: str | None, book: str | None) -> None:
    """Make new keys and ask a second person to approve them; the old ones sign for 90 days more."""
    settings = settings_for(database, book)
    opened = open_book(settings)
    keys = _new_keys(settings, policy_in_force(settings.log_folder).origin)
    with opened.unit_of_work(actor=actor) as unit:
        approval_id = request_rotation(unit, settings.log_folder, keys, reason=reason)
    _say_requested(approval_id, as_json=as_json)


@click.command("change-policy")
@click.argument("file", type=_FILE)
@reason_option
@as_actor
@json_option
@book_options
def change_policy(
    file: Path, reason: str, actor: str, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Ask a second person to approve the policy in FILE, which has the same keys, such as one with other witnesses."""
    settings = settings_for(database, book)
    with open_book(settings).unit_of_work(actor=actor) as unit:
        approval_id = request_policy(unit, settings.log_folder, file.read_bytes(), reason=reason)
    _say_requested(approval_id, as_json=as_json)


@click.command("new-origin")
@reason_option
@as_actor
@json_option
@book_options
def new_origin(reason: str, actor: str, *, as_json: bool, database: str | None, book: str | None) -> None:
    """After a compromise: make new keys under a new name and ask a second person to approve that the log goes on there.

    Stop the signer first: what is published now is the last that counts under the old name.
    """
    settings = settings_for(database, book)
    opened = open_book(settings)
    keys = _new_keys(settings, next_origin(policy_in_force(settings.log_folder).origin))
    with opened.unit_of_work(actor=actor) as unit:
        approval_id = request_new_origin(unit, settings.log_folder, keys, reason=reason)
    _say_requested(approval_id, as_json=as_json)


@click.command("announce")
@click.option("--approval", "approval_id", required=True, help="What the request answered.")
@as_actor
@json_option
@book_options
def announce(approval_id: str, actor: str, *, as_json: bool, database: str | None, book: str | None) -> None:
    """Enter a policy that was asked for; where nobody has approved it yet, this approves it as the second person."""
    settings = settings_for(database, book)
    with open_book(settings).unit_of_work(actor=actor) as unit:
        asked = approvals.find(unit.connection, unit.book_id, approval_id)
        if asked is not None and asked.approver is None:
            approvals.approve(unit, approval_id)
        key = announce_policy(unit, settings.log_folder, approval_id=approval_id)
    entries = [result.n for result in unit.results]
    if as_json:
        click.echo(json.dumps({"key": key, "entries": entries}))
        return
    entered = f"entries {', '.join(map(str, entries))}" if entries else "it was already"
    click.echo(f"Announced: {entered}. The signer follows once the log is published.")


@click.command("retire-key")
@json_option
@book_options
def retire_key(*, as_json: bool, database: str | None, book: str | None) -> None:
    """Delete the files of private keys whose last day is over, or which were compromised."""
    settings = settings_for(database, book)
    today = SystemClock().now().date()
    folders = (settings.log_folder, settings.keys_folder)
    files = retire_keys(*folders, today=today, passphrase=settings.key_passphrase)
    click.echo(json.dumps({"deleted": files}) if as_json else f"Deleted: {', '.join(files)}")


def next_origin(origin: str) -> str:
    """The log's name after it: the generation stands before the book.

    >>> next_origin("ledger.example/main"), next_origin("ledger.example/2/main")
    ('ledger.example/2/main', 'ledger.example/3/main')
    """
    if later := _GENERATION.fullmatch(origin):
        return f"{later['host']}/{int(later['generation']) + 1}/{later['book']}"
    host, _, book = origin.rpartition("/")
    return f"{host}/2/{book}"


def _new_keys(settings: Settings, origin: str) -> tuple[VerifierKey, ...]:
    """New keys; where keys lie in a token, the first that is named there, which must be one that nothing names yet."""
    tokens = token_keys(settings.log_key_uris[:1], settings.log_key_pin)
    token = tokens[0] if tokens else None
    if token is not None:
        policy = policy_in_force(settings.log_folder)
        known = {key.public for each in (policy, *policy.older) for key in each.log_keys}
        if token.public_key().public_bytes_raw() in known:
            raise Refusal("token-key-in-use", uri=settings.log_key_uris[0])
    return make_later_keys(settings.keys_folder, origin, passphrase=settings.key_passphrase, token=token)


def _say_requested(approval_id: str, *, as_json: bool) -> None:
    waits = f"Approval {approval_id} waits for a colleague: bxl log announce --approval {approval_id} --as NAME"
    click.echo(json.dumps({"approval_id": approval_id}) if as_json else waits)
