"""Every business event makes the entry that the record holds of it, to the byte, so that a fact is posted once.

The hashes were taken from the posting functions as they first stood. One that changes makes a repeated fact a conflict
with its own posted entry, so none is replaced; an event that must look different gets another purpose.
"""

from datetime import date
from decimal import Decimal

import pytest

from contracts.loans import postings as loans
from contracts.loans.model import ClaimShare, LenderClaim, Loan
from contracts.offers import postings as offers
from contracts.pledges import postings as pledges
from contracts.pledges.model import Pledge
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, Instalment, RepaymentKind
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.payments import debit_postings as debits
from ledger.payments import postings as payments
from ledger.payments.model import SETTLEMENTS_DUE, UNKNOWN_MOVEMENTS, Outflow, TransferKind

DAY = date(2026, 3, 2)
EVIDENCE = "a" * 64
LOAN = Loan(
    loan_id="l1",
    offer_id="o1",
    borrower="e1",
    title="Un four",
    principal_cents=100_000,
    rate_annual=Decimal("0.0350"),
    term_years=5,
    every=Every.YEAR,
    kind=RepaymentKind.LINEAR,
    day_count=DayCount.THIRTY_E_360,
    scheme="proxi.B",
    agreed_on=DAY,
    first_due_on=date(2027, 3, 2),
)
LENT = LenderClaim(number=1, pledge_id="p1", lender="c1", principal_cents=60_000)
PLEDGE = Pledge(
    pledge_id="p1",
    offer_id="o1",
    lender="c1",
    amount_cents=60_000,
    pledged_on=DAY,
    reflection_ends_on=date(2026, 3, 6),
    payable_until=date(2026, 3, 20),
    language="fr",
    risk_acknowledged_on=DAY,
)
TO_LENDER, TO_BORROWER = AccountRef("489400", "c1"), AccountRef("489500", "e1")
STATED = {"on": DAY, "evidence": EVIDENCE}
BACK = {"amount_cents": 60_000, **STATED}


def due(interest: int, principal: int) -> Instalment:
    return Instalment(3, date(2029, 3, 2), 360, interest, principal, interest + principal, 40_000)


def share(interest: int, principal: int) -> ClaimShare:
    return ClaimShare(
        pledge_id="p1", lender="c1", interest_cents=interest, principal_cents=principal, outstanding_cents=0
    )


def received(account: str, *, expected: bool) -> JournalEntry:
    return payments.payment_received("tr_1", credit=AccountRef.parse(account), expected=expected, **BACK)


def flow(account: AccountRef, *, excess: int = 0) -> Outflow:
    """A refund or chargeback of a payment of 600.00; `excess` hundredths of it are the payer's to give back."""
    return Outflow(60_000, excess * 60_000 // 900, "c1", account)


def transfer(kind: TransferKind, debit: AccountRef) -> JournalEntry:
    facts = {"amount_cents": 60_000, "on": DAY, "actor": "s2", "approval_id": "a1"}
    return payments.transfer_ordered("t1", kind=kind, debit=debit, **facts)


def distributed(interest: int, principal: int, withheld: int) -> JournalEntry:
    paid = share(interest, principal)
    return loans.instalment_distributed(LOAN, 3, paid, withheld_cents=withheld, on=DAY, actor="s")


def failed(*, firm: bool) -> JournalEntry:
    return offers.campaign_failed(pledge_id="p1", lender="c1", amount_cents=60_000, firm=firm, on=DAY, actor="s")


ENTRIES = {
    "payment of a pledge": received("489100:c1", expected=True),
    "payment of a due": received("489600:l1", expected=True),
    "payment unexpected": received("489400:c1", expected=False),
    "refund sent": payments.refund_sent("re_1", flow(TO_LENDER), **STATED),
    "refund sent, charged back before": payments.refund_sent("re_1", flow(TO_LENDER, excess=900), **STATED),
    "refund not ordered here": payments.refund_sent("re_1", flow(UNKNOWN_MOVEMENTS), **STATED),
    "refund failed": payments.refund_failed("re_1", flow(TO_LENDER), **STATED),
    "refund failed, charged back before": payments.refund_failed("re_1", flow(TO_LENDER, excess=300), **STATED),
    "refund not ordered here failed": payments.refund_failed("re_1", flow(UNKNOWN_MOVEMENTS), **STATED),
    "charged back in reflection": payments.charged_back("chb_1", flow(AccountRef("489100", "c1")), **STATED),
    "charged back after issue": payments.charged_back("chb_1", flow(TO_LENDER, excess=900), **STATED),
    "charged back and refunded": payments.charged_back("chb_1", flow(TO_LENDER, excess=300), **STATED),
    "charged back, instalment distributed": payments.charged_back("chb_1", flow(AccountRef("416300", "e1")), **STATED),
    "chargeback reversed": payments.chargeback_reversed("chb_1", flow(AccountRef("489200", "c1")), **STATED),
    "disbursement ordered": transfer(TransferKind.DISBURSEMENT, TO_BORROWER),
    "payout ordered": transfer(TransferKind.PAYOUT, AccountRef("489300", "c1")),
    "bank refund ordered": transfer(TransferKind.REFUND, TO_LENDER),
    "bank refund booked": payments.transfer_booked("t1", kind=TransferKind.REFUND, actor="s2", **BACK),
    "transfer rejected": payments.transfer_rejected("t1", credit=TO_BORROWER, actor="s2", **BACK),
    "transfer returned": payments.transfer_returned("t1", credit=TO_LENDER, actor="s2", **BACK),
    "debit collected": debits.debit_collected(
        "b1", credit=AccountRef("489600", "l1"), expected=True, actor="s2", **BACK
    ),
    "debit unexpected": debits.debit_collected(
        "b1", credit=AccountRef("489400", "e1"), expected=False, actor="s2", **BACK
    ),
    "debit returned": debits.debit_returned("b1", debit=AccountRef("416300", "e1"), actor="s2", **BACK),
    "disbursement booked": payments.transfer_booked("t1", kind=TransferKind.DISBURSEMENT, actor="s2", **BACK),
    "payout booked": payments.transfer_booked("t1", kind=TransferKind.PAYOUT, actor="s2", **BACK),
    "settlement booked": payments.settlement_booked("S-2026.03", actor="s2", **BACK),
    "settlement sent": payments.settlement_sent("S-2026.03", actor="s2", **BACK),
    "settlement returned": payments.settlement_returned("baltr_1", **BACK),
    "provider fee": payments.provider_fee("baltr_1", 39, **STATED),
    "provider fee given back": payments.provider_fee("baltr_1", -39, **STATED),
    "fee covered": payments.fee_covered("S-2026.03", amount_cents=58_568, on=DAY),
    "fee cover booked": payments.fee_cover_booked("S-2026.03", actor="s2", **BACK),
    "unknown movement received": payments.unknown_movement("baltr_1", 100, **STATED),
    "unknown movement taken": payments.unknown_movement("baltr_1", -100, **STATED),
    "difference gained": payments.small_difference("x", SETTLEMENTS_DUE, gained_cents=2, actor="s2", **STATED),
    "difference lost": payments.small_difference("x", SETTLEMENTS_DUE, gained_cents=-2, actor="s2", **STATED),
    "campaign failed, firm": failed(firm=True),
    "campaign failed, in reflection": failed(firm=False),
    "pledge withdrawn": pledges.pledge_withdrawn(PLEDGE, is_firm=False, on=DAY, actor="c1"),
    "firm pledge withdrawn": pledges.pledge_withdrawn(PLEDGE, is_firm=True, on=DAY, actor="c1"),
    "pledge firm": pledges.pledge_firm(PLEDGE, on=DAY, actor="system:calendar"),
    "payment of a pledge unusable": pledges.payment_unusable(
        payment_id="y1", lender="c1", amount_cents=60_000, on=DAY, actor="s"
    ),
    "loan issued": loans.loan_issued(LOAN, LENT, actor="s"),
    "due called": loans.due_called(LOAN, due(3_500, 20_000), actor="s"),
    "due called, interest only": loans.due_called(LOAN, due(3_500, 0), actor="s"),
    "due called, principal only": loans.due_called(LOAN, due(0, 20_000), actor="s"),
    "due settled": loans.due_settled(LOAN, due(3_500, 20_000), on=DAY, actor="s"),
    "due cancelled": loans.due_cancelled(LOAN, due(3_500, 20_000), on=DAY, actor="s"),
    "instalment distributed": distributed(3_500, 20_000, 1_050),
    "instalment distributed, untaxed": distributed(3_500, 20_000, 0),
    "instalment distributed, interest only": distributed(3_500, 0, 1_050),
    "instalment distributed, principal only": distributed(0, 20_000, 0),
    "payment of a due unusable": loans.payment_unusable(LOAN, payment_id="y2", amount_cents=900, on=DAY, actor="s"),
    "owed repaid": loans.owed_repaid(LOAN, payment_id="y3", amount_cents=900, on=DAY, actor="s"),
    "claim written off": loans.claim_written_off(LOAN, LENT, lost_cents=123, on=DAY, evidence=EVIDENCE, actor="s2"),
}
HASHES = {
    "payment of a pledge": "8093803f80160a8c5fa61e30a5fd91c35d3a9ebdf1aafcab9e7af6f1ac80e329",
    "payment of a due": "87cb29feafac89b7b305ce3c2d18122baa0ae2ab7a0b8db9fe4d3565ec49fab9",
    "payment unexpected": "a49863bd43839a5047f02a050a09e51d46bafc9685303ef71653b18ab38f909a",
    "refund sent": "d0e419830efdfbffc06226744aefdcbde68a7485e73bef6fe35077004e6b9a95",
    "refund not ordered here": "6a3666a35e6893518ba11a960d49d3f1c6f2f38883faaf25d4c52ee899759e32",
    "refund failed": "1c134dcfa1e95627a526156b3e44c70d993c6e49251a7c5b614ca20e712a35ef",
    "refund not ordered here failed": "277d0687374a04efec2829dcf38171eb54f16b411c35fbf85acd5e6fa9f73dfb",
    "disbursement ordered": "97b936ee18779c937fcdcd09f2e9d1cbead7332fa5843d23411ba6726575973d",
    "payout ordered": "44d0178d4c29753230eb08366f1bbc8440ea2c322328b8f107cc59604b6d8e76",
    "bank refund ordered": "f591afe617fa25660259374a9f225f3006a6ad6d930d25e376e263b9397de80d",
    "bank refund booked": "317ba7db442c46783c820d79571bc49e80c5d3076492cc4c3809bdfc1fe818e1",
    "transfer rejected": "d4248ee6c817d263efbc6679e0822d8fe78534c1307c5764026f9dde4df0456f",
    "transfer returned": "6b7d6bb5e350cb32ae25a14dddddfaf0c4b04559dd19dbb4b01f7a5dec3a798e",
    "debit collected": "d7f1b03e30c274dbdc7321e41463f02b0f8c9271ac8357475fd4e2be9c2d07a6",
    "debit unexpected": "91a469f71e6f324a3da2e76a0655748b762e003faa1858d6b53b89df5ebce6d9",
    "debit returned": "08493ac06e352dbd99ec01985f44059ff6f80f308d17ae39cb108c8661c35d18",
    "disbursement booked": "a567323e29f285284a153f70fe584a6db5cc33ce1646aaa0b67d342466ddc51a",
    "payout booked": "d02c1bdaf5e565981c1f09d4f4f065ff709f628b8d4f90a11386deeffd61bc6c",
    "refund sent, charged back before": "8c40a982ae416093391df99af76af813171898b917cf7d8206aeb73371756b89",
    "refund failed, charged back before": "8bd48a930010735901840e66e6ddb75207e6b2f20bfa4f54659cc6d68d3fa8ba",
    "charged back in reflection": "68f5586107820a0373d5515c4dc6f121c3679fa9d88f3f2917570726faa541e4",
    "charged back after issue": "d721eb6ccfdd55afe9f3a1e6242fa59997dbf0593c49802661a763b2be1d8878",
    "charged back and refunded": "1aa17d8e64e0c429be2e62f9e96bb3de2abadad4ad4c32ad351f9786eec5829f",
    "charged back, instalment distributed": "8185a52cfd734e37a7ba060c6e83f013a48e985e1ae79e2e8e9f26746a4aa3f2",
    "chargeback reversed": "6a26a807410ef037b8074dc6d5fd1949b5afd9b60a679b8f631414266158abff",
    "settlement booked": "2556f092ce39be934b19361a83d4af8a0749b76612e3405992e6c4c1d334b318",
    "settlement sent": "f0f2ca26b62ffee002ede9b3967fe5f5990c3f57c568fd4d7c5124563e5639c3",
    "settlement returned": "cf8f69b7283360279a3bc08dbd19fe02a17c2c309e16ea5231806f537795a3fd",
    "provider fee": "dd9a9fe959110ac838c04b872ed4336894a97d2d5978e98e3373f353d43295a5",
    "provider fee given back": "fbed1b7da996e160baf48e2156143b0582ddc3df127482153e7a823e68d87680",
    "fee covered": "fdef734ae0c70470a6465fa491995de3466d59f426e7aaae47b2c6d06f87e914",
    "fee cover booked": "f7a7870e8e7fc985c8013604324f54d96bca8638eaddb72bea12090cc0a226df",
    "unknown movement received": "8a117a63bf25aabdd21ed082a1a4ed3bba0e59f333195dc8c3d4dd2e5ceb27eb",
    "unknown movement taken": "b4713998ff93f0d458ae075e0cf634f63936b072f0cd1404cb31b5190f78761f",
    "difference gained": "b5d5328c1515c42b4258f25f7d4e847213cb114bfa16ad5d15b55f55a3832607",
    "difference lost": "8627ea9cae85c8ddd222367146b3e375fa99fdb367695b596d4f277e3b3267e5",
    "campaign failed, firm": "cbd9fe73fff450db3204d2eaa82dcea8e8b64da636cd94ac65a6bd6b2e360a9b",
    "campaign failed, in reflection": "76f8e2c0207c3e12f1dc10ef3eec732207dc8157b7749287a134fe90d1def640",
    "pledge withdrawn": "af8048cd9d436c8140291a6d85ae44fd71800e728d0d63ff907dc29c1a9d0e1d",
    "firm pledge withdrawn": "eeae8ab3256de2b04e50a8defd571bc5fcc2e3b842f6299eda1c74b674344400",
    "pledge firm": "404b3fcaad7385e97ac6d262fb6b41e373eadb9b3446949191d7dc4ed73a9448",
    "payment of a pledge unusable": "3f94fbed188adf1a729a46e1610b9716293f1c392c33e12fe4fad17423f3de49",
    "loan issued": "3da11df6957bbe0092507c7e3e44c15610d43792e09abfc43c35c8a5ca7750ea",
    "due called": "74163fe222a10ce99647b7862c7cc564ce15fea71d9a4512723163824a2ee48d",
    "due called, interest only": "0dcad473c6ddf52eba8f862346cff7cb1571f0928ddde52d397fe049e18d87b3",
    "due called, principal only": "bf1ccbbdff9cac50f5f93eacd6111aecbcb1241461ff1a32c5c7400e92463ce5",
    "due settled": "83565b3f58f6f58d5b322a731205b1968e7b4ac060b2b220fe9cf54aa44abcbf",
    "due cancelled": "e6bbe81aeb24599b820c3ccb1be5cbd1225b75d67b0785071f6f7c3824f61bc6",
    "instalment distributed": "47e9462f1b37b9809778fd6e83c9fac6cc67c3131ae638e2d889653fe7269476",
    "instalment distributed, untaxed": "bc923966f84416e975d15656a1641c4efec663bb19fba4fce8d89072c7dd8169",
    "instalment distributed, interest only": "f274567d2b7854229bccbab31cbf535f1c2977927b0af00e167af53c44c03496",
    "instalment distributed, principal only": "806ca3efcc739f1aaae5e0c10f398bc8f9252442ced925a5511632a109a06536",
    "payment of a due unusable": "e6f06272fdbc56b503471523a8969a2e2c53823de6a91e1000a62fc11df77b7a",
    "owed repaid": "5b8e7e23b7e1cb24a2cf60e356bd7d7d7ed97479d7e7e5ef5c5893182571a191",
    "claim written off": "24179eed3c29201cc64c586262552b3ac27eba4de5fd599cdf67c8963b136825",
}


@pytest.mark.parametrize("event", ENTRIES)
def test_an_event_makes_the_entry_that_was_always_made_of_it(event):
    assert ENTRIES[event].body_hash().hex() == HASHES[event]
