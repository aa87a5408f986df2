"""Use cases of a file: open it, note what is learnt and promised, decide on a plan, live with it, end it.

Whoever moves a file holds its loan. The vote is that of `contracts.votes`; nothing else says what it came to. Calling
the loan as a whole and what is recovered of it are the loan's own use cases; the file follows them.
"""

import hashlib
from datetime import date

from contracts import moves
from contracts.events import emit_mails
from contracts.loans.books import LoanBook
from contracts.loans.model import LoanState
from contracts.loans.steps import lock_loan, mail
from contracts.loans.voters import voters_of
from contracts.offers.service import borrower_outstanding_cents
from contracts.restarts import DISCLOSED_UNTIL
from contracts.secondchance import guards, limits, planning
from contracts.secondchance import lifecycle as life
from contracts.secondchance.labels import Past, ecspr_default
from contracts.secondchance.model import CashPosition, Concession, Ground, Procedure, Route, Signal, State, Stay
from contracts.secondchance.planning import PlanTerms
from contracts.secondchance.proposal import Proposal
from contracts.secondchance.queries import ChanceFile, Plan, chance_file, file_id, notes_id
from contracts.secondchance.tools import Tool
from contracts.secondchance.voting import CALLED_MAIL, CARRIED, OUTCOME_MAILS, midnight, rule_for, tell_voters
from contracts.servicing.model import DEFAULTED_AFTER, EARLY_WARNING_AFTER
from contracts.votes import queries as vote_queries
from contracts.votes import service as votes
from contracts.votes.tally import Outcome
from ledger.book import UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.storage.base import JSON


def open_file(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str, update_on: date) -> None:
    """Open the loan's file, with the day of the next news; refuses `file-already-open` and `update-date-too-early`."""
    lock_loan(uow, loan_id)
    if moves.last_move(uow.connection, uow.book_id, notes_id(loan_id)) is not None:
        raise Refusal("file-already-open", loan_id=loan_id)
    _promise(uow, loan_id, on=on, evidence=evidence, update_on=update_on)


def give_update(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str, update_on: date) -> None:
    """Give the news whose SHA-256 is `evidence`, and promise the next: a promise is never without a successor."""
    _file(uow, loan_id)
    _promise(uow, loan_id, on=on, evidence=evidence, update_on=update_on)


def note_signal(
    uow: UnitOfWork, loan_id: str, signal: Signal, *, on: date, evidence: str, is_material: bool, update_on: date
) -> None:
    """A sign of difficulty that showed on a day; lenders are told where it is material.

    Refuses `date-not-reached`, `evidence-malformed` and `update-date-too-early`.
    """
    book, file = _file(uow, loan_id)
    check_happened(on, today=uow.today(), since=[book.loan.agreed_on])
    facts: dict[str, JSON] = {"signal": signal.value, "material": int(is_material)}
    moves.record_move(uow, life.NOTES, notes_id(loan_id), life.SIGNAL, on=on, evidence=evidence, facts=facts)
    _promise(uow, loan_id, on=uow.today(), evidence=evidence, update_on=update_on)
    if life.MACHINE.allows(file.state, life.SIGNALLED):
        _move(uow, file, life.SIGNALLED, on=uow.today(), evidence=evidence, facts=facts)
    if is_material:
        said = {"seen_on": on.isoformat(), "update_on": update_on.isoformat()}
        key = f"{loan_id}:{len(file.notes)}"
        mails = [
            mail(
                book.loan,
                f"{key}:{claim.pledge_id}",
                claim.lender,
                amount_cents=book.position_of(claim).outstanding_cents(uow.today()),
                **said,
            )
            for claim in book.held_claims
        ]
        emit_mails(uow, "loan-signal", mails)


def ask_for_help(
    uow: UnitOfWork, loan_id: str, cash: CashPosition, *, on: date, evidence: str, update_on: date
) -> None:
    """The borrower reports her difficulty herself, with her cash position; the paper is her request."""
    _file(uow, loan_id)
    facts: dict[str, JSON] = {
        "on_hand_cents": cash.on_hand_cents,
        "receipts_cents": cash.receipts_cents,
        "expenses_cents": cash.expenses_cents,
    }
    moves.record_move(uow, life.NOTES, notes_id(loan_id), life.HELP_ASKED, on=on, evidence=evidence, facts=facts)
    note_signal(uow, loan_id, Signal.SELF_REPORT, on=on, evidence=evidence, is_material=False, update_on=update_on)


def observe(uow: UnitOfWork, loan_id: str, *, on: date) -> list[str]:
    """Let the file follow the loan's dues, as of a day; gives the events. The paper is the oldest unpaid due."""
    book, file = _file(uow, loan_id)
    happened: list[str] = []
    while (event := _follows(book, file, on)) is not None:
        oldest = next(iter(book.position.overdue(on)), None)
        named = f"due:{loan_id}:{oldest.n}" if oldest else f"cleared:{loan_id}:{on.isoformat()}"
        _move(uow, file, event, on=on, evidence=hashlib.sha256(named.encode()).hexdigest(), facts={"due": named})
        happened.append(event)
        file = chance_file(uow.connection, uow.book_id, loan_id)
    return happened


def resolve_warning(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> State:
    """Whoever looked into the warning finds it resolved; refuses `arrears-not-cleared`."""
    book, file = _file(uow, loan_id)
    guards.check_arrears_cleared(book.position.overdue_cents(on))
    return _move(uow, file, life.RESOLVED, on=on, evidence=evidence)


def agree_standstill(uow: UnitOfWork, loan_id: str, stay: Stay, *, on: date, evidence: str) -> None:
    """Lenders agree to wait; refuses `stay-malformed`."""
    _, file = _file(uow, loan_id)
    guards.check_standstill(stay)
    _move(uow, file, life.STANDSTILL_AGREED, on=on, evidence=evidence, facts=_days(stay))


def grant_moratorium(uow: UnitOfWork, loan_id: str, stay: Stay, *, on: date, evidence: str) -> None:
    """A court grants a stay, or extends the one that runs; refuses what `check_moratorium` refuses."""
    _, file = _file(uow, loan_id)
    event = life.MORATORIUM_EXTENDED if file.state is State.STANDSTILL and file.stays else life.MORATORIUM_GRANTED
    guards.check_moratorium(stay, file.stays)
    _move(uow, file, event, on=on, evidence=evidence, facts=_days(stay))


def end_standstill(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> None:
    """A stay is over: back to the warning, or to the default."""
    _go_back(uow, loan_id, life.STANDSTILL_ENDED, on=on, evidence=evidence)


def publish_plan(uow: UnitOfWork, loan_id: str, plan: PlanTerms, *, on: date, evidence: str) -> tuple[str, Proposal]:
    """Put a plan before the lenders, or its next version; gives its hash and its figures.

    Refuses what `contracts.secondchance.planning.reckon` and `contracts.secondchance.limits.check` refuse.
    """
    limits.hold_files(uow, loan_id)
    book, file = _file(uow, loan_id)
    event = life.REVISED if file.state is State.PROPOSAL else life.PROPOSED
    life.step_for(file.state, event)
    found, sha256 = reckon_plan(uow, book, plan, on=on), planning.plan_hash(plan.body)
    limits.check(uow, found, loan_id)
    facts: dict[str, JSON] = {"sha256": sha256, "body": plan.body, "figures": planning.figures(found)}
    facts |= {"version": len(file.plans) + 1, "distressed": int(found.is_distressed)}
    _move(uow, file, event, on=on, evidence=evidence, facts=facts)
    return sha256, found


def withdraw_plan(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> None:
    """The plan is taken back."""
    _go_back(uow, loan_id, life.WITHDRAWN, on=on, evidence=evidence)


def open_vote(
    uow: UnitOfWork, loan_id: str, *, opens_on: date, closes_on: date, on: date, evidence: str,
    procedure: Procedure = Procedure.SME,
) -> str:  # fmt: skip
    """Call the lenders to vote on the newest plan, today, with their claims as the ledger has them; gives the vote.

    Ballots are taken from the beginning of `opens_on` to the end of the day before `closes_on`, on which they are
    counted. `evidence` is the notice. Refuses `notice-too-short`, `date-not-reached` and `date-too-early` for a notice
    of another day, and what `contracts.votes.service.open_vote` refuses.
    """
    book, file = _file(uow, loan_id)
    life.step_for(file.state, life.VOTE_OPENED)
    check_happened(on, today=uow.today(), since=[uow.today()])
    guards.check_notice(noticed_on=on, closes_on=opens_on)
    plan, claims = file.plans[-1], voters_of(uow.connection, uow.book_id, loan_id, on=on)
    draft = votes.VoteDraft(
        subject=f"loan:{loan_id}",
        terms_sha256=plan.sha256,
        rule=rule_for(Route(str(plan.body["route"])), procedure, on),
        record_on=on,
        opens_at=midnight(opens_on),
        closes_at=midnight(closes_on),
    )
    vote_id = votes.open_vote(uow, draft, claims)
    facts: dict[str, JSON] = {"noticed_on": on.isoformat(), "closes_on": closes_on.isoformat(), "vote_id": vote_id}
    _move(uow, file, life.VOTE_OPENED, on=on, evidence=evidence, facts=facts)
    tell_voters(uow, book.loan, CALLED_MAIL, vote_id, [(claim.voter, claim.cents) for claim in claims])
    return vote_id


def count_vote(uow: UnitOfWork, loan_id: str, *, on: date) -> State:
    """Close the vote and do what it says: the plan comes into effect, goes to the court, or falls.

    The outcome is the vote's own, so that nobody can state another. A plan that carried and can be carried out no more,
    since what is owed has changed meanwhile, falls too; the move then names the reason. Refuses `move-not-allowed` and
    `vote-not-over`.
    """
    book, file = _file(uow, loan_id)
    life.step_for(file.state, life.CONSENTED)
    vote_id, plan = file.vote_id, file.plans[-1]
    result = votes.close_vote(uow, vote_id)
    evidence = vote_queries.result_sha256(uow.connection, uow.book_id, vote_id)
    event, facts = _outcome(uow, book, plan, result.outcome, on=on)
    if event == life.CONSENTED:
        state = _into_effect(uow, book, file, plan, event, on=on, evidence=evidence)
    elif event == life.PASSED_TO_COURT:
        state = _move(uow, file, event, on=on, evidence=evidence)
    else:
        state = _go_back(uow, loan_id, event, on=on, evidence=evidence, facts=facts)
    lenders = [(claim.lender, 0) for claim in book.claims]
    tell_voters(uow, book.loan, OUTCOME_MAILS[event], vote_id, [*lenders, (book.loan.borrower, 0)])
    return state


def homologate(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> State:
    """The court hears and approves: the plan binds every lender.

    Refuses `plan-filed-too-late` for one that was published less than 20 days before, and `plan-too-long`.
    """
    book, file = _file(uow, loan_id)
    life.step_for(file.state, life.HOMOLOGATED)
    guards.check_filing(filed_on=file.plans[-1].on, hearing_on=on)
    return _into_effect(uow, book, file, file.plans[-1], life.HOMOLOGATED, on=on, evidence=evidence)


def refuse_homologation(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> None:
    """The court refuses."""
    _go_back(uow, loan_id, life.HOMOLOGATION_REFUSED, on=on, evidence=evidence)


def fail_plan(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str, is_revoked: bool) -> None:
    """A payment of the plan is missed, or the court revokes it; what it took from the lenders revives at once.

    Refuses `days-past-due-too-few` for a payment that is not missed.
    """
    book, file = _file(uow, loan_id)
    if not is_revoked:
        guards.check_days_past_due(book.position.days_past_due(on), more_than=0)
    _move(uow, file, life.PLAN_REVOKED if is_revoked else life.PLAN_MISSED, on=on, evidence=evidence)
    _revive(uow, book, on=on, evidence=evidence)


def report_insolvency(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> State:
    """The borrower is insolvent: a plan that runs falls, and the loan is in default."""
    book, file = _file(uow, loan_id)
    state = _move(uow, file, life.INSOLVENCY, on=on, evidence=evidence)
    return _revive(uow, book, on=on, evidence=evidence) if state is State.PLAN_FAILED else state


def perform_plan(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> State:
    """All that the plan asks has been paid: the loan is cured, and what was cut is released unless a clause runs."""
    book, file = _file(uow, loan_id)
    guards.check_arrears_cleared(book.position.overdue_cents(on))
    guards.check_nothing_outstanding(book.position.outstanding_cents(on))
    state = _move(uow, file, life.PLAN_PERFORMED, on=on, evidence=evidence)
    if _clause_until(file) is None:
        planning.release(uow, book, on=on, evidence=evidence)
    return state


def lapse_clause(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> None:
    """The clause of better fortune has run out unfulfilled; refuses `better-fortune-open` until its day is over."""
    book, file = _file(uow, loan_id)
    until = _clause_until(file)
    if until is not None and on <= until:
        raise Refusal("better-fortune-open", expires_on=until.isoformat())
    guards.check_nothing_outstanding(book.position.outstanding_cents(on))
    planning.release(uow, book, on=on, evidence=evidence)


def cure(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> State:
    """The default has ended: 3 months without arrears, 12 after a distressed plan; refuses `cure-too-early`."""
    book, file = _file(uow, loan_id)
    concessions = _concessions(file)
    since = max([_clean_since(book, on), *(each.on for each in concessions)], default=on)
    is_clean = book.position.overdue_cents(on) == 0
    is_distressed = any(each.is_distressed for each in concessions)
    guards.check_cure(since if is_clean else None, on=on, is_distressed=is_distressed)
    return _move(uow, file, life.CURE_PASSED, on=on, evidence=evidence)


def rehabilitate(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> State:
    """The dated letter that says so; the loan performs again, on probation."""
    book, file = _file(uow, loan_id)
    guards.check_arrears_cleared(book.position.overdue_cents(on))
    facts: dict[str, JSON] = {"probation_until": guards.probation_ends_on(on).isoformat()}
    return _move(uow, file, life.REHABILITATED, on=on, evidence=evidence, facts=facts)


def follow_call(uow: UnitOfWork, loan_id: str, ground: Ground, *, on: date, evidence: str) -> State:
    """The loan has been called as a whole, on a ground; refuses `arrears-too-short`."""
    book, file = _file(uow, loan_id)
    oldest = next(iter(book.position.overdue(on)), None)
    overdue_since = None if oldest is None else oldest.due_on
    guards.check_ground(ground, on=on, scheme=book.loan.scheme, overdue_since=overdue_since)
    return _move(uow, file, life.CALLED, on=on, evidence=evidence, facts={"ground": ground.value})


def follow(uow: UnitOfWork, loan_id: str, event: str, *, on: date, evidence: str) -> State:
    """A step of recovery that the loan's own use cases have made: opened, a dividend, a loss proven, paid.

    Refuses `move-not-allowed`; `claims-outstanding` where it is said to be paid and is not, or lost and is not.
    """
    book, file = _file(uow, loan_id)
    if event not in {life.RECOVERY_OPENED, life.DIVIDEND, life.LOSS_PROVEN, life.PAID_IN_FULL}:
        raise Refusal("move-not-allowed", machine=life.MACHINE.name, state=file.state.value, event=event)
    if event in {life.LOSS_PROVEN, life.PAID_IN_FULL}:
        guards.check_nothing_outstanding(book.position.outstanding_cents(on))
    return _move(uow, file, event, on=on, evidence=evidence)


def certify_loss(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> State:
    """The lenders' certificates of their loss were made, and `evidence` is their hash; once is enough."""
    _, file = _file(uow, loan_id)
    if any(move.event == life.CERTIFIED for move in file.history):
        return file.state
    return _move(uow, file, life.CERTIFIED, on=on, evidence=evidence)


def begin_again(
    uow: UnitOfWork, loan_id: str, *, on: date, evidence: str, in_good_faith: bool, is_sanctioned: bool,
    is_discharged: bool,
) -> State:  # fmt: skip
    """Who failed may borrow again; refuses `not-re-eligible`, and `claims-outstanding` while anything is owed."""
    book, file = _file(uow, loan_id)
    guards.check_nothing_outstanding(book.position.outstanding_cents(on))
    guards.check_re_eligible(in_good_faith=in_good_faith, is_sanctioned=is_sanctioned, is_discharged=is_discharged)
    facts: dict[str, JSON] = {DISCLOSED_UNTIL: guards.disclosed_until(on).isoformat()}
    return _move(uow, file, life.RE_ELIGIBLE, on=on, evidence=evidence, facts=facts)


def _file(uow: UnitOfWork, loan_id: str) -> tuple[LoanBook, ChanceFile]:
    """The loan, held, and its file; refuses `file-not-open`."""
    book = lock_loan(uow, loan_id)
    return book, chance_file(uow.connection, uow.book_id, loan_id)


def _move(
    uow: UnitOfWork, file: ChanceFile, event: str, *, on: date, evidence: str, facts: dict[str, JSON] | None = None
) -> State:
    guards.check_evidence(evidence)
    check_happened(on, today=uow.today(), since=[file.last_on])
    if file.state is State.VOTE and event in {life.INSOLVENCY, life.PAID_IN_FULL}:
        votes.withdraw_vote(uow, file.vote_id, evidence=evidence)
    name = file_id(file.loan_id)
    return moves.record_move(uow, life.MACHINE, name, event, on=on, evidence=evidence, facts=facts)


def _promise(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str, update_on: date) -> None:
    check_happened(on, today=uow.today())
    if update_on <= on:
        raise Refusal("update-date-too-early", on_on=on.isoformat())
    facts: dict[str, JSON] = {"until_on": update_on.isoformat()}
    moves.record_move(uow, life.NOTES, notes_id(loan_id), life.UPDATE_PROMISED, on=on, evidence=evidence, facts=facts)


def _follows(book: LoanBook, file: ChanceFile, on: date) -> str | None:
    """The next event that the dues alone lead to; in probation more than 30 days are a default again."""
    state, days = file.state, book.position.days_past_due(on)
    is_clear = book.position.overdue_cents(on) == 0
    if state in {State.LATE, State.EARLY_WARNING} and _breaches_probation(file, days, on):
        return life.PROBATION_BREACHED
    if state in {State.PERFORMING, State.CURED} and days:
        return life.DUE_MISSED
    if state is State.LATE:
        return life.ARREARS_CLEARED if is_clear else life.THIRTY_DAYS if days > EARLY_WARNING_AFTER else None
    if state is State.EARLY_WARNING and days > DEFAULTED_AFTER:
        return life.NINETY_DAYS
    return None


def _breaches_probation(file: ChanceFile, days: int, on: date) -> bool:
    letters = [move for move in file.history if move.event == life.REHABILITATED]
    until = date.fromisoformat(str(letters[-1].facts["probation_until"])) if letters else None
    try:
        guards.check_probation_breached(on=on, probation_until=until, days=days, concessions=len(_concessions(file)))
    except Refusal:
        return False
    return True


def _go_back(
    uow: UnitOfWork, loan_id: str, event: str, *, on: date, evidence: str, facts: dict[str, JSON] | None = None
) -> State:
    """A way out is closed: the file returns to the warning, or to the default that there is."""
    book, file = _file(uow, loan_id)
    life.step_for(file.state, event)
    is_in_default = ecspr_default(book.position, Past(tuple(_concessions(file))), on)
    return _move(uow, file, life.DEFAULT_PERSISTS if is_in_default else event, on=on, evidence=evidence, facts=facts)


def _outcome(uow: UnitOfWork, book: LoanBook, plan: Plan, outcome: Outcome, *, on: date) -> tuple[str, dict[str, JSON]]:
    """The event that a vote leads to; where a plan that carried falls all the same, the refusal's code."""
    if outcome not in CARRIED:
        return life.VOTE_FAILED, {}
    if plan.body["route"] == Route.JUDICIAL.value:
        return life.PASSED_TO_COURT, {}
    try:
        _check_running(book, life.CONSENTED)
        reckon_plan(uow, book, PlanTerms.of(plan.body), on=on)
    except Refusal as refusal:
        return life.VOTE_FAILED, {"code": refusal.code}
    return life.CONSENTED, {}


def _check_running(book: LoanBook, event: str) -> None:
    if book.state is not LoanState.RUNNING:
        raise Refusal("move-not-allowed", machine="loan", state=book.state.value, event=event)


def _into_effect(
    uow: UnitOfWork, book: LoanBook, file: ChanceFile, plan: Plan, event: str, *, on: date, evidence: str
) -> State:
    found = reckon_plan(uow, book, PlanTerms.of(plan.body), on=on)
    _check_running(book, event)
    planning.bring_into_effect(uow, book, found, on=on, evidence=evidence)
    facts: dict[str, JSON] = {"sha256": plan.sha256, "distressed": int(found.is_distressed)}
    return _move(uow, file, event, on=on, evidence=evidence, facts=facts)


def reckon_plan(uow: UnitOfWork, book: LoanBook, plan: PlanTerms, *, on: date) -> Proposal:
    """A plan's figures for the loan on a day; refuses what `contracts.secondchance.planning.reckon` does."""
    outstanding = borrower_outstanding_cents(uow, book.loan.borrower)
    return planning.reckon(book, plan, on=on, borrower_outstanding_cents=outstanding)


def _revive(uow: UnitOfWork, book: LoanBook, *, on: date, evidence: str) -> State:
    planning.revive(uow, book, on=on, evidence=evidence)
    file = chance_file(uow.connection, uow.book_id, book.loan.loan_id)
    return _move(uow, file, life.CLAIMS_REVIVED, on=on, evidence=evidence)


def _concessions(file: ChanceFile) -> list[Concession]:
    """Every plan that came into effect."""
    made = [move for move in file.history if move.event in {life.CONSENTED, life.HOMOLOGATED}]
    return [Concession(move.effective_on, is_distressed=bool(move.facts["distressed"])) for move in made]


def _clean_since(book: LoanBook, on: date) -> date:
    """Since when nothing is overdue: the last payment that came after its due date."""
    late = [due.settled_on for due in book.position.settled(on) if due.settled_on and due.settled_on > due.due_on]
    return max(late, default=book.loan.agreed_on)


def _clause_until(file: ChanceFile) -> date | None:
    """Until when what the plans in force cut may revive."""
    uses = [use for plan in file.plans_in_force for use in PlanTerms.of(plan.body).uses]
    return max((use.expires_on for use in uses if use.tool is Tool.BETTER_FORTUNE and use.expires_on), default=None)


def _days(stay: Stay) -> dict[str, JSON]:
    return {"starts_on": stay.starts_on.isoformat(), "ends_on": stay.ends_on.isoformat()}
