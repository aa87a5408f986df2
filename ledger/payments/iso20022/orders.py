"""The writers of order files: pain.001.001.09 (credit transfers) and pain.008.001.08 (direct debits).

Deterministic: the same orders under the same message id and instant give the same bytes. Each order is in
memory as its line only, half a kilobyte, until all are counted: they name people, so none waits on the disk in clear.
Rules of the EPC's customer-to-bank guidelines
(EPC132-08 credit transfer, EPC130-08 core and EPC131-08 business-to-business direct debit), and of Febelfin's for the
structured communication (`SCOR`, issuer `BBA`):

- euro only, 0.01 to 999,999,999.99, charges shared (SLEV), the EPC's character set;
- an address is structured, with town and country, or absent (no free lines since 15 November 2026);
- one file holds one debit scheme; each kind of collection (FRST, RCUR, OOFF, FNAL) is a batch of its own.

What is released is not what was meant but what was written: `totals.read_totals` reads the bytes again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from io import BytesIO
from typing import BinaryIO, Generic, TypeVar

from ledger.calendars import is_target_day
from ledger.clock import brussels_date
from ledger.errors import InvariantError, Refusal
from ledger.payments.bodies import euro_text
from ledger.payments.iso20022 import parts
from ledger.payments.iso20022.model import Account, CreditTransfer, DirectDebit
from ledger.payments.iso20022.parts import tag

_LONGEST_MESSAGE_ID = 30
_KINDS = {"scheme": ("CORE", "B2B"), "sequence_type": ("FRST", "RCUR", "OOFF", "FNAL")}

AnyOrder = TypeVar("AnyOrder", CreditTransfer, DirectDebit)


def write_credit_transfers(
    out: BinaryIO,
    *,
    message_id: str,
    created_at: datetime,
    execute_on: date,
    debtor: Account,
    transfers: Iterable[CreditTransfer],
) -> None:
    """Write a pain.001.001.09 of `transfers` from the account of `debtor`, to be executed on `execute_on`.

    `message_id` has at most 30 characters. `transfers` is gone through once.
    Refuses, before the first byte: `order-file-empty`, `order-repeated`, `order-day-not-possible`, and what `parts`
    refuses.
    """
    _check_day(execute_on, created_at)
    terms = "".join(
        [
            tag("PmtTpInf", tag("SvcLvl", tag("Cd", "SEPA"))),
            tag("ReqdExctnDt", tag("Dt", execute_on.isoformat())),
            _holder("Dbtr", debtor, order=message_id),
            tag("ChrgBr", "SLEV"),
        ]
    )
    group = _group(message_id, created_at, debtor)
    _write(out, _TRANSFERS, transfers, group, lambda _: terms)


def write_direct_debits(
    out: BinaryIO,
    *,
    message_id: str,
    created_at: datetime,
    collect_on: date,
    creditor: Account,
    debits: Iterable[DirectDebit],
) -> None:
    """Write a pain.008.001.08 of `debits`, all CORE or all B2B, in favour of `creditor`, collected on `collect_on`.

    `message_id` has at most 30 characters. `debits` is gone through twice.
    Refuses, before the first byte, what `write_credit_transfers` does, and `debit-schemes-mixed`.
    """
    _check_day(collect_on, created_at)
    scheme = _scheme(debits, message_id)
    terms = "".join(
        [
            tag("ReqdColltnDt", collect_on.isoformat()),
            _holder("Cdtr", creditor, order=message_id),
            tag("ChrgBr", "SLEV"),
            parts.creditor_scheme(creditor, order=message_id),
        ]
    )
    group = _group(message_id, created_at, creditor)
    _write(out, _DEBITS, debits, group, lambda sequence: _collection(scheme, sequence) + terms)


@dataclass(frozen=True, slots=True)
class _Group:
    """What a file says of itself before its orders."""

    message_id: str
    created: str
    initiator: str


@dataclass(frozen=True, slots=True)
class _Form(Generic[AnyOrder]):
    """What tells one message from the other; `kind_of` an order decides the batch that it is in."""

    message: str
    root: str
    method: str
    kind_of: Callable[[AnyOrder], str]
    order: Callable[[AnyOrder], str]


@dataclass(slots=True)
class _Sum:
    """How many orders there are, and what they add up to."""

    count: int = 0
    total_cents: int = 0

    def markup(self) -> str:
        """The two elements that state it."""
        return tag("NbOfTxs", str(self.count)) + tag("CtrlSum", euro_text(self.total_cents))


@dataclass(slots=True)
class _Batch:
    """The orders of one kind: their lines, and what they add up to."""

    lines: BytesIO = field(default_factory=BytesIO)
    total: _Sum = field(default_factory=_Sum)


def _write(
    out: BinaryIO, form: _Form[AnyOrder], orders: Iterable[AnyOrder], group: _Group, terms: Callable[[str], str]
) -> None:
    """The file: one batch (`PmtInf`) for each kind of order, one line for each order.

    The lines are made first, since what precedes them states their number and sum.
    """
    batches = _batches(form, orders, group.message_id)
    heads = {kind: _batch_head(form, group, kind, batch) + terms(kind) for kind, batch in batches.items()}
    out.write(_file_head(form, group, batches.values()).encode())
    for kind, head in heads.items():
        out.write(f"<PmtInf>{head}\n".encode())
        out.write(batches[kind].lines.getbuffer())
        out.write(b"</PmtInf>\n")
    out.write(f"</{form.root}></Document>\n".encode())


def _batches(form: _Form[AnyOrder], orders: Iterable[AnyOrder], message_id: str) -> dict[str, _Batch]:
    """Sum and lines of each kind of order, in order of appearance."""
    known: set[str] = set()
    batches: dict[str, _Batch] = {}
    for order in orders:
        if order.end_to_end_id in known:
            raise Refusal("order-repeated", order=order.end_to_end_id)
        known.add(order.end_to_end_id)
        kind = form.kind_of(order)
        if kind not in batches:
            batches[kind] = _Batch()
        batch = batches[kind]
        batch.lines.write(f"{form.order(order)}\n".encode())
        batch.total.count += 1
        batch.total.total_cents += order.amount_cents
    if not batches:
        raise Refusal("order-file-empty", message_id=message_id)
    return batches


def _file_head(form: _Form[AnyOrder], group: _Group, batches: Iterable[_Batch]) -> str:
    total = _Sum()
    for batch in batches:
        total.count += batch.total.count
        total.total_cents += batch.total.total_cents
    header = tag(
        "GrpHdr", tag("MsgId", group.message_id), tag("CreDtTm", group.created), total.markup(), group.initiator
    )
    namespace = f"urn:iso:std:iso:20022:tech:xsd:{form.message}"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace}"><{form.root}>\n{header}\n'


def _batch_head(form: _Form[AnyOrder], group: _Group, kind: str, batch: _Batch) -> str:
    return "".join(
        [
            tag("PmtInfId", f"{group.message_id}-{kind}"),
            tag("PmtMtd", form.method),
            tag("BtchBookg", "true"),
            batch.total.markup(),
        ]
    )


def _group(message_id: str, created_at: datetime, holder: Account) -> _Group:
    """The header's parts; refuses `order-reference-invalid`: a batch's id is the message's and four letters more."""
    if len(message_id) > _LONGEST_MESSAGE_ID:
        raise Refusal("order-reference-invalid", order=message_id, element="MsgId", value=message_id)
    parts.identifier("MsgId", message_id, order=message_id)
    created = created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = parts.words("Nm", holder.name, longest=parts.LONGEST_NAME, order=message_id)
    return _Group(message_id, created, tag("InitgPty", name))


def _holder(role: str, account: Account, *, order: str) -> str:
    """The account on our side: whose it is, which, and at which bank."""
    return (
        parts.party(role, account, order=order)
        + parts.account_number(role, account, order=order)
        + parts.agent(role, account, order=order)
    )


def _transfer(order: CreditTransfer) -> str:
    name = order.end_to_end_id
    creditor = order.creditor
    return tag(
        "CdtTrfTxInf",
        tag("PmtId", parts.identifier("EndToEndId", name, order=name)),
        tag("Amt", parts.amount(order.amount_cents, order=name)),
        parts.agent("Cdtr", creditor, order=name) if creditor.bic is not None else "",
        parts.party("Cdtr", creditor, order=name),
        parts.account_number("Cdtr", creditor, order=name),
        parts.remittance(order.structured_reference, order.text, order=name),
    )


def _debit(order: DirectDebit) -> str:
    name = order.end_to_end_id
    mandate = tag(
        "MndtRltdInf",
        parts.identifier("MndtId", order.mandate_reference, order=name),
        tag("DtOfSgntr", order.mandate_signed_on.isoformat()),
    )
    return tag(
        "DrctDbtTxInf",
        tag("PmtId", parts.identifier("EndToEndId", name, order=name)),
        parts.amount(order.amount_cents, order=name),
        tag("DrctDbtTx", mandate),
        parts.agent("Dbtr", order.debtor, order=name),
        parts.party("Dbtr", order.debtor, order=name),
        parts.account_number("Dbtr", order.debtor, order=name),
        parts.remittance(order.structured_reference, order.text, order=name),
    )


def _scheme(debits: Iterable[DirectDebit], message_id: str) -> str:
    """The one scheme of all the debits (EPC130-08: they are never mixed in one message)."""
    schemes = sorted({debit.scheme for debit in debits})
    if len(schemes) > 1:
        raise Refusal("debit-schemes-mixed", message_id=message_id, schemes=schemes)
    return schemes[0] if schemes else ""


def _collection(scheme: str, sequence: str) -> str:
    if scheme not in _KINDS["scheme"] or sequence not in _KINDS["sequence_type"]:
        raise InvariantError(f"no direct debit is {scheme} {sequence}")
    return tag(
        "PmtTpInf",
        tag("SvcLvl", tag("Cd", "SEPA")),
        tag("LclInstrm", tag("Cd", scheme)),
        tag("SeqTp", sequence),
    )


def _check_day(execute_on: date, created_at: datetime) -> None:
    """An order is executed on a day that TARGET settles, not before the file is made."""
    created_on = brussels_date(created_at)
    if execute_on < created_on or not is_target_day(execute_on):
        raise Refusal("order-day-not-possible", execute_on=execute_on.isoformat(), created_on=created_on.isoformat())


_TRANSFERS = _Form("pain.001.001.09", "CstmrCdtTrfInitn", "TRF", lambda _: "SCT", _transfer)
_DEBITS = _Form("pain.008.001.08", "CstmrDrctDbtInitn", "DD", lambda debit: debit.sequence_type, _debit)
