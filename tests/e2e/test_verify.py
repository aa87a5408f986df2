"""The page /verify says of every receipt what `ledger.verify` says, check by check, and sends none of them anywhere."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Request, expect

from frontend.i18n import tongue
from ledger.log.encoding import b64
from ledger.log.note import parse_note
from ledger.log.receipt import parse_proof
from tests.e2e.conftest import Enter
from tests.e2e.kit import Demo
from tests.e2e.verifying import (
    Cosigned,
    Receipt,
    cosigned,
    judged_here,
    judged_in_page,
    post_quantum_signatures,
    sample,
    vectors,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
EACH_LANGUAGE = pytest.mark.parametrize("language", ["fr", "nl", "en"])
MARKS = {"passed": "juste", "failed": "faux", "open": "non contrôlé"}
FLIPPED = 700
"""One-bit changes of each file of a receipt that the page is given."""

_MLDSA = """async (rows) => {
  const { verifyMlDsa44 } = await import("/static/js/verify/mldsa.js");
  const bytes = (spelled) => Uint8Array.from(atob(spelled), (character) => character.charCodeAt(0));
  return rows.map(({ key, message, signature }, i) => {
    const parts = [bytes(key), bytes(message), bytes(signature)];
    const right = verifyMlDsa44(...parts);
    const part = parts[i % 2 ? 0 : 2];
    part[(i * 131) % part.length] ^= 1 << (i % 8);
    return [right, verifyMlDsa44(...parts)];
  });
}"""


@pytest.fixture
def page(enter: Enter, demo: Demo) -> Iterator[Page]:
    """The French page, in which nothing may go wrong unsaid."""
    faults: list[str] = []
    opened = enter("visitor").new_page()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(f"{demo.origin}/fr/verify")
    yield opened
    opened.close()
    assert faults == []


@pytest.fixture(scope="module")
def paper(enter: Enter, demo: Demo) -> bytes:
    """A citizen's newest receipt in PDF, as she downloads it."""
    window = enter("citizen")
    opened = window.new_page()
    opened.goto(f"{demo.origin}/fr/receipts")
    link = opened.locator("main a[href*='/receipts/']").first.get_attribute("href")
    opened.close()
    return window.request.get(f"{demo.origin}{link}").body()


@pytest.fixture(scope="module")
def own(demo: Demo) -> bytes:
    """The policy of the demo's log."""
    return (demo.data / "log" / "policy").read_bytes()


@pytest.fixture(scope="module")
def quorums() -> Cosigned:
    return cosigned()


def test_every_vector_gets_the_verdict_and_the_checks_of_the_command_line(page: Page) -> None:
    rows = vectors()
    assert len(rows) > 100
    judged = judged_in_page(page, [receipt for receipt, _ in rows.values()])
    for (name, (receipt, expected)), (verdict, checks) in zip(rows.items(), judged, strict=True):
        assert verdict == expected, name
        assert (verdict, checks) == judged_here(receipt), name


def test_no_change_of_one_bit_of_a_proof_an_opening_or_a_policy_is_accepted(page: Page) -> None:
    right = sample()
    assert right.policy
    pinned = replace(right, pin=hashlib.sha256(right.policy).hexdigest())
    changed = [replace(right, proof=each) for each in one_bit_changed(right.proof, FLIPPED)]
    changed += [replace(right, opening=each) for each in one_bit_changed(right.opening, FLIPPED)]
    changed += [replace(pinned, policy=each) for each in one_bit_changed(right.policy, FLIPPED)]
    assert len(changed) == 3 * FLIPPED
    judged = judged_in_page(page, [right, pinned, *changed])
    assert [verdict for verdict, _ in judged[:2]] == ["verified", "verified"]
    assert {verdict for verdict, _ in judged[2:]} == {"forged"}
    for receipt, (verdict, checks) in zip(changed[: 2 * FLIPPED : 7], judged[2 : 2 + 2 * FLIPPED : 7], strict=True):
        assert (verdict, checks) == judged_here(receipt)


def test_no_change_of_one_bit_of_a_receipt_in_pdf_is_accepted(page: Page, paper: bytes, own: bytes) -> None:
    sealed = Receipt(pdf=paper, policy=own)
    changed = [replace(sealed, pdf=each) for each in one_bit_changed(paper, 150)]
    changed += [replace(sealed, pdf=each) for each in one_bit_changed(paper, 150, within=seal_of(paper))]
    [right, *judged] = judged_in_page(page, [sealed, *changed])
    assert right[0] == "verified"
    assert right[1][:2] == [["seal", "passed", ""], ["attachments", "passed", ""]]
    assert {verdict for verdict, _ in judged} == {"forged"}
    assert {tuple(checks[-1][:2]) for _, checks in judged} == {("seal", "failed")}
    codes = {checks[-1][2] for _, checks in judged}
    assert codes <= {
        "receipt-bytes-changed",
        "receipt-signature-changed",
        "receipt-seal-missing",
        "receipt-certificate-unknown",
    }
    assert len(codes) >= 3


def test_a_pdf_sealed_under_another_certificate_or_without_its_files_is_refused(
    page: Page, paper: bytes, own: bytes
) -> None:
    other = re.sub(rb"sha256:[0-9a-f]{64}", b"sha256:" + b"0" * 64, own)
    without = re.sub(rb"# receipt-certificate[^\n]*\n", b"", own)
    assert len({own, other, without}) == 3
    stranger, unsealed, emptied = judged_in_page(
        page,
        [
            Receipt(pdf=paper, policy=other),
            Receipt(pdf=paper, policy=without),
            Receipt(pdf=paper.replace(b"(opening.json)", b"(0pening.json)"), policy=without),
        ],
    )
    assert stranger == ("forged", [["seal", "failed", "receipt-certificate-unknown"]])
    assert unsealed[0] == "incomplete"
    assert unsealed[1][0] == ["seal", "open", "no-certificate"]
    assert emptied[0] == "forged"
    assert emptied[1][-1] == ["attachments", "failed", "receipt-attachments-missing"]


@pytest.mark.parametrize(
    ("cosigners", "flip", "verdict", "check"),
    [
        ((0, 1), False, "verified", ["witnesses", "passed", ""]),
        ((0, 1, 2), False, "verified", ["witnesses", "passed", ""]),
        ((1,), False, "incomplete", ["witnesses", "open", "quorum-not-reached"]),
        ((), False, "incomplete", ["witnesses", "open", "quorum-not-reached"]),
        ((0, 1, 2), True, "forged", ["witnesses", "failed", "signature-invalid"]),
        ((0, 1, 1), False, "forged", ["witnesses", "failed", "signature-repeated"]),
        ((1, 0), False, "forged", ["witnesses", "failed", "signatures-out-of-order"]),
    ],
)
def test_the_policy_decides_whether_witnesses_are_enough(
    page: Page, quorums: Cosigned, cosigners: tuple[int, ...], *, flip: bool, verdict: str, check: list[str]
) -> None:
    policy = quorums.policy("group ours 2 w0 w1 w2", "quorum ours")
    receipt = quorums.receipt(policy, *cosigners, flip=flip)
    [(said, checks)] = judged_in_page(page, [receipt])
    assert said == verdict == judged_here(receipt)[0]
    assert verdict == "incomplete" or checks == judged_here(receipt)[1]
    assert check in checks
    assert len(checks) == (9 if verdict != "forged" else 4)


def test_groups_count_as_the_policy_says(page: Page, quorums: Cosigned) -> None:
    stated = {
        ("quorum w2",): [False, False],
        ("group one any w0 w1 w2", "quorum one"): [True, True],
        ("group whole all w0 w1 w2", "quorum whole"): [False, False],
        ("group pair all w0 w1", "group two 1 pair w2", "quorum two"): [False, True],
        ("quorum none",): [True, True],
    }
    for lines, enough in stated.items():
        policy = quorums.policy(*lines)
        judged = judged_in_page(page, [quorums.receipt(policy, 0), quorums.receipt(policy, 0, 1)])
        assert [verdict == "verified" for verdict, _ in judged] == enough, lines


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("quorum w0", "quorum w0"),
        ("quorum w9",),
        ("group g 0 w0", "quorum g"),
        ("group g 3 w0 w1", "quorum g"),
        ("group g some w0", "quorum g"),
        ("group g any g", "quorum g"),
        ("group g any none", "quorum g"),
        ("group w0 any w1", "quorum w0"),
        ("group none any w1", "quorum none"),
        ("group g any w0", "group h any w0", "quorum h"),
        ("group g any h", "group h any w0", "quorum g"),
        ("witness again {w0}", "quorum none"),
        ("witness log {log}", "quorum none"),
        ("quorum none extra",),
        ("weight 2", "quorum none"),
    ],
)
def test_a_policy_that_says_more_or_less_than_its_form_is_refused(
    page: Page, quorums: Cosigned, lines: tuple[str, ...]
) -> None:
    written = quorums.policy("quorum none").decode()
    vkeys = {"w0": written.split("witness w0 ")[1].split()[0], "log": written.split("log ")[1].split()[0]}
    policy = quorums.policy(*(line.format(**vkeys) for line in lines))
    receipt = quorums.receipt(policy)
    assert judged_in_page(page, [receipt]) == [judged_here(receipt)]
    assert judged_here(receipt) == ("forged", [["policy", "failed", "policy-malformed"]])


def test_a_receipt_signed_under_an_older_policy_is_held_against_that_one(page: Page, quorums: Cosigned) -> None:
    newest, older = sample().policy or b"", quorums.policy("quorum none")
    old = quorums.receipt(older)
    pin = hashlib.sha256(newest).hexdigest()
    told = [
        replace(old, policy=newest, others=(older,)),
        replace(old, policy=newest, others=(older,), pin=pin),
        replace(old, policy=newest),
        replace(sample(), others=(older,)),
        replace(quorums.receipt(quorums.policy("quorum w0")), others=(older,)),
    ]
    judged = judged_in_page(page, told)
    assert [verdict for verdict, _ in judged] == ["verified", "forged", "forged", "verified", "verified"]
    assert [judgment for receipt, judgment in zip(told, judged, strict=True) if not receipt.pin] == [
        judged_here(receipt) for receipt in told if not receipt.pin
    ]
    assert judged[1][1][-1] == judged[2][1][-1] == ["signatures", "failed", "signature-missing"]


def test_an_origin_that_was_given_up_counts_no_further_than_its_end(page: Page, quorums: Cosigned) -> None:
    older = quorums.policy("quorum none")
    origin, size, root = parse_note(parse_proof(quorums.receipt(older).proof).checkpoint).text.split()
    ends = {
        f"{origin} {size} {root}": "verified",
        f"{origin} {int(size) + 1} {root}": "verified",
        f"other.example/log 1 {root}": "verified",
        f"{origin} {int(size) - 1} {root}": "forged",
        f"{origin} {size} {b64(bytes(32))}": "forged",
    }
    receipts = [
        replace(quorums.receipt(older), others=(f"# ended {end}\n".encode() + older,), pin=pin)
        for end in ends
        for pin in ("", hashlib.sha256(older).hexdigest())
    ]
    judged = judged_in_page(page, receipts)
    assert [verdict for verdict, _ in judged] == [verdict for verdict in ends.values() for _ in range(2)]
    assert judged[::2] == [judged_here(receipt) for receipt in receipts[::2]]
    assert judged[-1][1][-1] == ["signatures", "failed", "origin-ended"]


def test_the_policies_that_the_site_publishes_are_all_asked_for(page: Page, demo: Demo, own: bytes) -> None:
    right = sample()
    hashes = [hashlib.sha256(each).hexdigest() for each in (right.policy or b"", own)]
    page.locator("#verify-form").evaluate("(form, names) => { form.dataset.policies = names }", " ".join(hashes))
    page.route(f"{demo.origin}/log/policies/{hashes[0]}", lambda route: route.fulfill(body=right.policy))
    choose(page, right)
    expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "incomplete")
    assert hashes[0] in page.locator("#verify-result").inner_text()
    page.locator("summary").click()
    page.fill("#policy-hash", hashes[0])
    page.keyboard.press("Tab")
    expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "verified")


def test_post_quantum_signatures_of_another_implementation_hold_and_changed_ones_do_not(page: Page) -> None:
    assert page.evaluate(_MLDSA, post_quantum_signatures(24)) == [[True, False]] * 24


def test_a_browser_without_ed25519_leaves_that_open_and_says_so(browser: Browser, demo: Demo) -> None:
    window = browser.new_context()
    window.add_init_script(
        "crypto.subtle.importKey = () => Promise.reject(new DOMException('no such', 'NotSupportedError'))"
    )
    page = window.new_page()
    page.goto(f"{demo.origin}/en/verify")
    right = sample()
    broken = replace(right, opening=right.opening.replace(b"6000", b"6001"))
    lone, forged = judged_in_page(page, [right, broken])
    assert lone[0] == "incomplete"
    assert ["signatures", "open", "no-ed25519"] in lone[1]
    assert forged[0] == "forged"
    window.close()


def test_a_browser_without_arithmetic_says_that_nothing_was_checked(browser: Browser, demo: Demo) -> None:
    window = browser.new_context()
    window.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
    page = window.new_page()
    page.goto(f"{demo.origin}/en/verify")
    choose(page, sample())
    expect(page.locator("[data-notice=no-crypto]")).to_be_visible()
    assert page.locator("#verify-status").inner_text() == tongue("en").text("verifier.notice-no-crypto")
    window.close()


@EACH_LANGUAGE
def test_a_receipt_is_verified_under_the_policy_that_its_holder_names(
    enter: Enter, demo: Demo, paper: bytes, own: bytes, tmp_path: Path, language: str
) -> None:
    page = enter("visitor").new_page()
    page.goto(f"{demo.origin}/{language}/verify")
    file = tmp_path / "receipt.pdf"
    file.write_bytes(paper)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))  # noqa: PLW0108 -- a built-in can't be listening
    page.set_input_files("#receipt-files", file)
    words = tongue(language)
    expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "incomplete")
    left = page.locator("#verify-result li", has_text=hashlib.sha256(own).hexdigest())
    assert left.count() >= 1
    page.locator("summary").click()
    page.fill("#policy-hash", hashlib.sha256(own).hexdigest())
    page.keyboard.press("Tab")
    expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "verified")
    assert page.locator("#verify-status").inner_text() == words.text("verifier.verdict-verified")
    assert page.locator(".checks [data-state=passed]").count() == page.locator(".checks li").count() >= 10
    assert re.search(r"\d,\d\d", page.locator("#verify-result .facts .is-strong").inner_text())
    assert "{" not in page.locator("#verify-result").inner_text()
    asked = {(request.method, request.url.removeprefix(demo.origin)) for request in sent}
    assert asked - {("GET", "/static/img/mark.svg")} == {("GET", "/log/policy")}
    page.fill("#policy-hash", "0" * 64)
    page.keyboard.press("Tab")
    expect(page.locator("[data-check=policy]")).to_have_attribute("data-code", "policy-not-pinned")
    page.fill("#policy-hash", "12")
    page.keyboard.press("Tab")
    expect(page.locator("[data-notice=pin-malformed]")).to_be_visible()
    page.close()


def test_two_files_are_told_apart_whatever_their_order_and_one_alone_is_asked_to_be_completed(page: Page) -> None:
    right = sample()
    proof, opening = payloads(right)
    page.locator("summary").click()
    page.set_input_files("#policy-file", FilePayload(name="policy", mimeType="text/plain", buffer=right.policy or b""))
    for files in ([proof, opening], [opening, proof]):
        page.set_input_files("#receipt-files", [])
        page.set_input_files("#receipt-files", files)
        expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "verified")
        page.locator("#verify-result").evaluate("(result) => result.replaceChildren()")
    shown = page.locator("#verify-result")
    huge = FilePayload(name="receipt.pdf", mimeType="application/pdf", buffer=b"%PDF-" + bytes(2**24))
    for files in ([proof], [opening], [proof, opening, opening], [huge]):
        page.set_input_files("#receipt-files", files)
        expect(page.locator("[data-notice=files-missing]")).to_be_visible()
        assert shown.locator("[data-verdict]").count() == 0


def test_a_forged_receipt_shows_which_check_failed_and_not_what_it_claims(page: Page) -> None:
    right = sample()
    page.locator("summary").click()
    page.set_input_files("#policy-file", FilePayload(name="policy", mimeType="text/plain", buffer=right.policy or b""))
    choose(page, replace(right, opening=right.opening.replace(b'"debit":6000', b'"debit":9000')))
    expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "forged")
    failed = page.locator("[data-state=failed]")
    assert failed.get_attribute("data-check") == "opening"
    assert MARKS["failed"] in (failed.locator(".checks__name").text_content() or "")
    assert "90,00" not in page.locator("#verify-result").inner_text()
    choose(page, right)
    expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "verified")
    assert "60,00" in page.locator("#verify-result .facts").inner_text()


def test_a_dropped_receipt_is_taken_like_a_chosen_one(page: Page) -> None:
    handle = page.evaluate_handle(
        """(files) => {
          const dropped = new DataTransfer();
          for (const [name, text] of files) dropped.items.add(new File([text], name));
          return dropped;
        }""",
        [["receipt.tlog-proof", sample().proof.decode()], ["opening.json", sample().opening.decode()]],
    )
    page.dispatch_event("#verify-form", "dragover", {"dataTransfer": handle})
    assert "is-over" in (page.locator("#verify-form").get_attribute("class") or "")
    page.dispatch_event("#verify-form", "drop", {"dataTransfer": handle})
    expect(page.locator("[data-verdict]")).to_be_visible()
    assert "is-over" not in (page.locator("#verify-form").get_attribute("class") or "")


def test_the_page_is_walked_with_the_keyboard(page: Page) -> None:
    page.locator("#main").focus()
    order = []
    for key in ("Tab", "Tab", "Enter", "Tab", "Tab"):
        page.keyboard.press(key)
        order.append(page.evaluate("document.activeElement.id || document.activeElement.localName"))
    assert order == ["receipt-files", "summary", "summary", "policy-hash", "policy-file"]


def test_without_scripts_the_page_shows_the_two_other_ways_and_no_form(enter: Enter, demo: Demo) -> None:
    page = enter("visitor", java_script_enabled=False).new_page()
    page.goto(f"{demo.origin}/fr/verify")
    assert page.locator("#verify-form").is_hidden()
    assert page.get_by_text(tongue("fr").text("verify.no-script")).is_visible()
    assert page.get_by_text("python -m ledger.verify receipt").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_outcome_is_a_serious_barrier_or_wider_than_a_phone(
    enter: Enter, demo: Demo, axe: str, paper: bytes, scheme: str
) -> None:
    window = enter("visitor", bypass_csp=True, color_scheme=scheme, viewport={"width": 320, "height": 640})
    page = window.new_page()
    page.goto(f"{demo.origin}/fr/verify")
    page.locator("summary").click()
    page.evaluate(axe)
    broken = replace(sample(), opening=b"{}")
    pdf = FilePayload(name="receipt.pdf", mimeType="application/pdf", buffer=paper)
    for files, verdict in (([pdf], "incomplete"), (payloads(broken), "forged")):
        page.set_input_files("#receipt-files", files)
        expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", verdict)
        found = page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )
        assert [rule["id"] for rule in found["violations"] if rule["impact"] in {"serious", "critical"}] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def choose(page: Page, receipt: Receipt) -> None:
    page.set_input_files("#receipt-files", payloads(receipt))


def payloads(receipt: Receipt) -> list[FilePayload]:
    return [
        FilePayload(name="receipt.tlog-proof", mimeType="text/plain", buffer=receipt.proof),
        FilePayload(name="opening.json", mimeType="application/json", buffer=receipt.opening),
    ]


def one_bit_changed(original: bytes, count: int, *, within: tuple[int, int] | None = None) -> Iterator[bytes]:
    """`count` copies, each with another bit changed, spread evenly over the bytes `within`."""
    start, end = within or (0, len(original))
    bits = 8 * (end - start)
    for i in range(count):
        place, bit = divmod(8 * start + (i * bits + i % 8) // count % bits, 8)
        yield original[:place] + bytes([original[place] ^ 1 << bit]) + original[place + 1 :]


def seal_of(pdf: bytes) -> tuple[int, int]:
    """From the bracket before the signature's value to the one behind it."""
    start = pdf.index(b"/Contents <") + len(b"/Contents ")
    return start, pdf.index(b">", start) + 1
