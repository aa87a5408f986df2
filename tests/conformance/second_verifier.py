"""A second verifier, written from docs/log.md alone: it imports nothing of this project.

python second_verifier.py receipt receipt.tlog-proof opening.json policy
python second_verifier.py replay log-folder openings.jsonl policy
python second_verifier.py acknowledgement receipt.ack policy
python second_verifier.py state log-folder 2026-03-31 policy [paths]
python second_verifier.py blocks export.log
python second_verifier.py consistency older-checkpoint newer-checkpoint proof policy
"""

import base64
import hashlib
import hmac
import json
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey


def leaf(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def inner_root(start, end, opened, path):
    if not any(start <= line < end for line in opened):
        return path.pop(0)
    if end - start == 1:
        return leaf(opened[start])
    half = 1
    while half * 2 < end - start:
        half *= 2
    left = inner_root(start, start + half, opened, path)
    return node(left, inner_root(start + half, end, opened, path))


def outer_root(index, size, start, path):
    if size == 1:
        return start
    half = 1
    while half * 2 < size:
        half *= 2
    sibling = path.pop()
    if index < half:
        return node(outer_root(index, half, start, path), sibling)
    return node(sibling, outer_root(index - half, size - half, start, path))


def key_of(vkey):
    """Name, key id, type and bytes of a public key; an Ed25519 key of a witness may be of either type."""
    name, key_id, material = vkey.split("+", 2)
    material = unbase64(material)
    assert key_id == key_id_of(name, material)
    return name, key_id, material


def key_id_of(name, material):
    return hashlib.sha256(name.encode() + b"\n" + material).digest()[:4].hex()


def signed_text(note):
    text, lines = note.rsplit("\n\n", 1)
    return text + "\n", lines


def check_signature(text, key, blob):
    name, _, material = key
    time, signature = blob[4:12], blob[12:]
    assert material[0] == 1 or time[0] < 128
    if material[0] == 1:
        Ed25519PublicKey.from_public_bytes(material[1:]).verify(blob[4:], text.encode())
    elif material[0] == 4:
        message = f"cosignature/v1\ntime {int.from_bytes(time, 'big')}\n{text}"
        Ed25519PublicKey.from_public_bytes(material[1:]).verify(signature, message.encode())
    else:
        origin, size, root = text.splitlines()
        numbers = (0).to_bytes(8, "big") + int(size).to_bytes(8, "big")
        named, log = (bytes([len(each.encode())]) + each.encode() for each in (name, origin))
        message = b"subtree/v1\n\x00" + named + time + log + numbers + base64.b64decode(root)
        MLDSA44PublicKey.from_public_bytes(material[1:]).verify(signature, message)


def read_policy(policy):
    """The log's keys, the witnesses' by name, the groups, and the name that must stand (None: no witness)."""
    keys, witnesses, groups, quorums = [], {}, {}, []
    for line in policy.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "log":
            keys.append(key_of(words[1]))
            continue
        name = words[1]
        if words[0] == "quorum":
            quorums.append(name)
            continue
        assert name != "none"
        assert name not in witnesses | groups
        if words[0] == "witness":
            own, _, material = key_of(words[2])
            material = bytes([4 if material[0] == 1 else material[0]]) + material[1:]
            witnesses[name] = own, key_id_of(own, material), material
        else:
            assert words[0] == "group"
            members = words[3:]
            assert all(member in witnesses | groups for member in members)
            assert not any(member in others for _, others in groups.values() for member in members)
            threshold = {"any": 1, "all": len(members)}.get(words[2]) or int(words[2])
            assert 1 <= threshold <= len(members) == len(set(members))
            groups[name] = threshold, members
    [quorum] = quorums
    assert quorum == "none" or quorum in witnesses | groups
    return keys, witnesses, groups, None if quorum == "none" else quorum


def check_signatures(note, policy):
    keys, witnesses, groups, quorum = read_policy(policy)
    text, lines = signed_text(note)
    named = [*keys, *witnesses.values()]
    found = []
    for line in lines.splitlines():
        dash, name, blob = line.split(" ")
        assert dash == "\N{EM DASH}"
        blob = unbase64(blob)
        places = [place for place, key in enumerate(named) if key[:2] == (name, blob[:4].hex())]
        for place in places:
            check_signature(text, named[place], blob)
        found += places
    assert found == sorted(set(found))
    assert set(range(len(keys))) <= set(found)
    standing = {name for place, name in enumerate(witnesses, start=len(keys)) if place in found}
    for name, (threshold, members) in groups.items():
        if len(standing.intersection(members)) >= threshold:
            standing.add(name)
    assert quorum is None or quorum in standing
    origin, size, root = text.splitlines()
    assert {key[0] for key in keys} == {origin}
    return int(size), base64.b64decode(root)


def check_form(note):
    """A note in its one encoding: a checkpoint of three lines, and at most 32 signatures."""
    text, _, lines = note.rpartition("\n\n")
    origin, size, root = text.split("\n")
    assert origin
    assert matches("[1-9][0-9]{0,15}")(size)
    assert int(size) < 2**53
    assert len(unbase64(root)) == 32
    assert lines.endswith("\n")
    assert lines.count("\n") <= 32
    for line in lines[:-1].split("\n"):
        dash, _, blob = line.split(" ")
        assert dash == "\N{EM DASH}"
        assert len(unbase64(blob)) > 4


def verify(proof, opening, policy):
    head, note = proof.decode().split("\n\n", 1)
    magic, index, *steps = head.split("\n")
    assert magic == "c2sp.org/tlog-proof@v1"
    check_form(note)
    size, root = check_signatures(note, policy.decode())
    opened = parsed(opening)
    entry = opened["entry"]
    assert index == f"index {entry['n']}"
    assert 0 < entry["n"] < size
    assert outer_root(entry["n"], size, leaf(canonical(entry)), [unbase64(step) for step in steps]) == root
    check_opening(opened)
    return opened["line"]["line"]


def check_opening(opened):
    """The header and one line are those that the entry commits to, and say what they may."""
    assert set(opened) == {"entry", "header", "line", "path"}
    assert set(opened["header"]) == {"line", "nonce"}
    assert set(opened["line"]) == {"index", "line", "nonce"}
    entry, header, line = opened["entry"], opened["header"]["line"], opened["line"]["line"]
    check_public(entry["n"], entry)
    lines = {
        number: hashlib.sha256(unbase64(part["nonce"]) + canonical(part["line"])).digest()
        for number, part in ((0, opened["header"]), (opened["line"]["index"], opened["line"]))
    }
    assert len(lines) == 2
    assert is_count(opened["line"]["index"])
    path = [unbase64(step) for step in opened["path"]]
    assert inner_root(0, entry["l"]["n"], lines, path) == unbase64(entry["l"]["root"])
    assert not path
    required, optional = HEADERS[entry["t"]]
    check_members(header, "actor at " + required, optional)
    assert header["at"][:17] + "00Z" == entry["ts"]
    if entry["t"] in ("accounts/1", "hold/1", "posting/1", "rules/1"):
        check_lines(entry["t"], [header, *[line] * LINES[entry["t"]][0]])


def acknowledged(note, policy):
    """Entry number, leaf hash and deadline of an acknowledgement."""
    text, signature = note.decode().split("\n\n")
    [vkey] = re.findall(r"^# acknowledgement-key (\S+)$", policy.decode(), re.MULTILINE)
    name, key_id, material = vkey.split("+", 2)
    prefix = f"— {name} "
    assert signature.startswith(prefix)
    assert signature.endswith("\n")
    blob, public = unbase64(signature[:-1].removeprefix(prefix)), unbase64(material)
    assert blob[:4].hex() == key_id
    assert public[0] == 1
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(blob[4:], f"{text}\n".encode())
    origin, word, n, promised, deadline = text.split("\n")
    assert (origin, word) == (re.findall(r"^log ([^+]+)\+", policy.decode(), re.MULTILINE)[0], "acknowledgement")
    assert is_instant(deadline)
    assert len(unbase64(promised)) == 32
    return int(n), unbase64(promised), deadline


def grown(old_size, old_root, new_size, new_root, proof):
    """RFC 6962, section 2.1.2, read backwards: which part of the proof belongs to which subtree."""
    assert 0 < old_size <= new_size
    steps = list(proof)

    def both(old, size, whole):
        """The roots of the first `old` leaves and of all `size` leaves of a subtree."""
        if old == size:
            known = old_root if whole else steps.pop(0)
            return known, known
        half = 1
        while half * 2 < size:
            half *= 2
        if old <= half:
            left_old, left = both(old, half, whole)
            return left_old, node(left, steps.pop(0))
        right_old, right = both(old - half, size - half, False)
        left = steps.pop(0)
        return node(left, right_old), node(left, right)

    try:
        return both(old_size, new_size, True) == (old_root, new_root) and not steps
    except IndexError:
        return False


# --- canonical JSON, trees, files


def parsed(encoded):
    """The value of canonical JSON: no float, no null, ASCII keys, text in form C, integers below 2^53."""
    value = json.loads(encoded)
    assert canonical(value) == encoded
    walk = [value]
    while walk:
        each = walk.pop()
        assert each is not None
        assert not isinstance(each, float)
        if isinstance(each, str):
            assert unicodedata.normalize("NFC", each) == each
        elif isinstance(each, int):
            assert abs(each) < 2**53
        elif isinstance(each, list):
            walk += each
        elif isinstance(each, dict):
            assert all(name.isascii() for name in each)
            walk += each.values()
    return value


def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    assert base64.b64encode(raw).decode() == text
    return raw


def tree(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node(tree(leaves[:half]), tree(leaves[half:]))


def place(index, width):
    name = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        name = f"x{index % 1000:03d}/{name}"
    return name if width == 256 else f"{name}.p/{width}"


def read_entries(folder, size):
    entries = []
    for index in range(-(-size // 256)):
        width = min(256, size - index * 256)
        data, count = (folder / "tile" / "entries" / place(index, width)).read_bytes(), 0
        while data:
            length = int.from_bytes(data[:2], "big")
            assert len(data) >= 2 + length
            entries.append(data[2 : 2 + length])
            data, count = data[2 + length :], count + 1
        assert count == width
    return entries


def check_tiles(folder, leaves):
    level, hashes = 0, leaves
    while hashes:
        for index in range(-(-len(hashes) // 256)):
            part = hashes[index * 256 : index * 256 + 256]
            assert (folder / "tile" / str(level) / place(index, len(part))).read_bytes() == b"".join(part)
        whole = len(hashes) // 256
        level, hashes = level + 1, [tree(hashes[i * 256 : i * 256 + 256]) for i in range(whole)]


# --- what lines may say


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_count(value):
    return is_integer(value) and 1 <= value < 2**53


def matches(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def is_text(value):
    return isinstance(value, str) and 1 <= len(value) <= 200


def is_date(value):
    return matches(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")(value) and bool(date.fromisoformat(value))


def is_instant(value):
    form = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
    return matches(form)(value) and bool(datetime.fromisoformat(value))


def is_meta(value):
    name = matches("[a-z][a-z0-9_]{0,39}")
    return isinstance(value, dict) and 1 <= len(value) <= 20 and all(name(k) and is_text(v) for k, v in value.items())


FORMS = {
    "about": is_count,
    "account": matches(r"[0-9]{2,10}(:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?"),
    "actor": matches("[a-z0-9][a-z0-9.:-]{0,63}"),
    "approvals": lambda v: isinstance(v, list) and v and all(isinstance(each, str) for each in v),
    "asset": matches("[A-Z]([A-Z0-9-]{0,22}[A-Z0-9])?"),
    "at": is_instant,
    "basis": matches("[a-z0-9][a-z0-9-]{0,39}"),
    "closed": lambda v: v is True,
    "count": lambda v: v == 0 or is_count(v),
    "credit": is_count,
    "debit": is_count,
    "entry": is_count,
    "evidence": matches("[0-9a-f]{64}"),
    "expires": is_instant,
    "from": is_count,
    "hold": is_count,
    "key": is_text,
    "maximum": is_integer,
    "meta": is_meta,
    "minimum": is_integer,
    "on": is_date,
    "part": is_count,
    "parts": is_count,
    "prev": lambda v: isinstance(v, str) and len(unbase64(v)) == 32,
    "purpose": is_text,
    "rest": lambda v: v == "released",
    "restates": is_date,
    "reverses": is_count,
    "scale": lambda v: is_integer(v) and 0 <= v <= 9,
    "since": is_date,
    "step": lambda v: v in ("void", "expired"),
    "text": is_text,
    "to": is_count,
    "until": is_date,
    "v": is_count,
    "version": lambda v: is_count(v) and v >= 2,
}
HEADERS = {
    "accounts/1": ("", ""),
    "posting/1": ("key on purpose", "approvals evidence meta restates reverses hold rest"),
    "hold/1": ("key on purpose", "approvals evidence expires meta"),
    "release/1": ("key hold step", "evidence"),
    "rules/1": ("key", "approvals evidence"),
    "period/1": ("key until", "approvals evidence since"),
    "note/1": ("key about text", "evidence"),
    "state/1": ("key", "evidence"),
    "verdict/1": ("key", "evidence"),
    "totals/1": ("key", "evidence"),
    "anchor/1": ("key", "evidence"),
    "vote/1": ("key", "evidence"),
    "erasure/1": ("key", "approvals evidence"),
    "key/1": ("key", "approvals evidence"),
    "policy/1": ("key", "approvals evidence"),
}
LINES = {
    "accounts/1": (1, None),
    "posting/1": (2, None),
    "hold/1": (2, None),
    "release/1": (0, 0),
    "rules/1": (1, 1),
    "period/1": (0, 0),
    "note/1": (0, 0),
    "state/1": (1, None),
    "verdict/1": (1, None),
    "totals/1": (1, None),
    "anchor/1": (1, None),
    "vote/1": (1, None),
    "erasure/1": (1, None),
    "key/1": (1, 1),
    "policy/1": (1, 1),
}

ANCHOR = {
    "kind": lambda v: v == "rfc3161",
    "root": lambda v: isinstance(v, str) and len(unbase64(v)) == 32,
    "sha256": matches("[0-9a-f]{64}"),
    "size": is_count,
    "time": is_instant,
}


CLOSED = None
"""A line that nobody can open any more."""


def check_members(line, required, optional=""):
    must, may = set(required.split()), set(optional.split())
    assert must <= set(line) <= must | may
    assert all(FORMS[name](value) for name, value in line.items())
    assert line.get("minimum", -(2**53)) <= line.get("maximum", 2**53)


def check_lines(kind, lines):
    assert all(line is CLOSED or isinstance(line, dict) for line in lines)
    header, rest = lines[0], lines[1:]
    assert header is not CLOSED
    required, optional = HEADERS[kind]
    check_members(header, "actor at " + required, optional)
    assert not ("hold" in header and "reverses" in header)
    assert "hold" in header or "rest" not in header
    least, most = LINES[kind]
    assert least <= len(rest) <= (len(rest) if most is None else most)
    for index, line in enumerate(rest):
        if line is not CLOSED:
            check_line(kind, index, line)


def check_line(kind, index, line):
    if kind == "erasure/1":
        check_erasure(index, line)
    elif kind == "accounts/1" and "account" not in line:
        check_members(line, "asset scale")
    elif kind == "accounts/1":
        check_members(line, "account asset", "minimum maximum")
    elif kind == "rules/1":
        check_members(line, "account asset version", "minimum maximum closed")
    elif kind in FINDINGS:
        FINDINGS[kind](line)
    elif kind in ("posting/1", "hold/1"):
        side = "debit" if "debit" in line else "credit"
        check_members(line, "account asset " + side, "v prev" if kind == "posting/1" else "")
        assert ("prev" in line) == (line.get("v", 1) > 1)


def check_erasure(index, line):
    if index == 0:
        check_members(line, "basis count part parts")
        assert line["part"] <= line["parts"]
    else:
        check_members(line, "entry from to")
        assert line["from"] <= line["to"]


def check_anchor(line):
    assert set(line) == set(ANCHOR)
    assert all(ANCHOR[name](value) for name, value in line.items())


def check_announcement(line):
    assert set(line) - {"until"} == {"before", "policy"}
    assert matches("[0-9a-f]{64}")(line["before"])
    assert is_date(line.get("until", "2000-01-01"))
    keys, *_ = read_policy(line["policy"])
    assert keys


def check_keys(line):
    if "compromised" in line:
        assert set(line) == {"begins", "compromised", "origin", "root", "size"}
        assert isinstance(line["origin"], str)
        assert line["origin"]
        assert is_count(line["size"])
        assert len(unbase64(line["root"])) == 32
        ends = line["compromised"]
    else:
        assert set(line) - {"until"} == {"begins", "ends"}
        assert is_date(line.get("until", "2000-01-01"))
        ends = line["ends"]
    assert line["begins"]
    for vkey in line["begins"] + ends:
        key_of(vkey)


def follow(policies, folder, n, entry, opened):
    """Take the policy that entry n announces; its opening is published too."""
    line = opened[1]["line"]
    assert line["before"] == policies[-1]
    policies.append(hashlib.sha256(line["policy"].encode()).hexdigest())
    published = parsed((folder / "policies" / f"{n}.json").read_bytes())
    assert published["entry"] == entry
    assert published["header"] == opened[0]
    assert published["line"] == opened[1] | {"index": 1}
    assert published["path"] == []


def check_ended(policy, leaves):
    """A log that was given a new name goes on from the last head of the old one."""
    for line in policy.decode().splitlines():
        if line.startswith("# ended "):
            _, _, _, size, head = line.split(" ")
            assert tree(leaves[: int(size)]) == unbase64(head)


FINDINGS = {"anchor/1": check_anchor, "key/1": check_keys, "policy/1": check_announcement}


# --- totals of a period


def sum_leaf(nonce, share, cents, statement):
    hidden = nonce + bytes([share]) + cents.to_bytes(8, "big") + statement
    return cents, hashlib.sha256(b"bxl-sum-leaf/1\x00" + hidden).digest()


def sum_node(left, right):
    bound = left[0].to_bytes(8, "big") + left[1] + right[0].to_bytes(8, "big") + right[1]
    return left[0] + right[0], hashlib.sha256(b"bxl-sum-node/1\x00" + bound).digest()


def mac(key, message):
    return hmac.digest(key, message, "sha256")


def totals(at, until, header_nonce, standing):
    """The lines of a totals/1 entry: one a group, by asset and group."""
    seed, groups = mac(header_nonce, b"bxl-sum-seed/1"), defaultdict(list)
    for (account, asset), balance, v, head in standing:
        group = account.partition(":")[0] + ("-debit" if balance > 0 else "-credit")
        groups[asset, group].append((account, abs(balance), v, head))
    lines = []
    for asset, group in sorted(groups):
        scope, leaves = f"{group}\x00{asset}\x00".encode(), {}
        for account, cents, v, head in groups[asset, group]:
            statement = {"account": account, "asset": asset, "cents": cents, "group": group}
            statement = canonical(statement | {"head": head, "period": until, "v": v})
            key = mac(seed, scope + account.encode())
            cuts = hashlib.sha256(key + b"\x00").digest()
            low, high = sorted(int.from_bytes(cut) % (cents + 1) for cut in (cuts[:16], cuts[16:]))
            for share, part in enumerate((low, high - low, cents - high), start=1):
                nonce = hashlib.sha256(key + bytes([share])).digest()
                leaves[nonce] = sum_leaf(nonce, share, part, statement)
        size = 1
        while size < len(leaves):
            size *= 2
        key = mac(seed, b"padding\x00" + scope)
        for number in range(size - len(leaves)):
            nonce = hashlib.sha256(key + number.to_bytes(8, "big")).digest()
            leaves[nonce] = sum_leaf(nonce, 0, 0, b"")
        level = [leaves[nonce] for nonce in sorted(leaves)]
        while len(level) > 1:
            level = [sum_node(*level[i : i + 2]) for i in range(0, len(level), 2)]
        named = {"accounts": len(groups[asset, group]), "asset": asset, "at": at, "group": group, "leaves": size}
        root = base64.b64encode(level[0][1]).decode()
        lines.append(named | {"period": until, "root": root, "sum": level[0][0]})
    return lines


def check_sums(lines, at, until, header_nonce, standing, unseen):
    """Of totals with erased persons in them: no group has less than its open accounts, each asset comes to all."""
    least, moved = (
        {(line["asset"], line["group"]): line for line in totals(at, until, header_nonce, standing)},
        Counter(),
    )
    for line in lines:
        assert set(line) == {"accounts", "asset", "at", "group", "leaves", "period", "root", "sum"}
        own = least.pop((line["asset"], line["group"]), {"accounts": 1, "sum": 0})
        assert (line["at"], line["period"]) == (at, until)
        assert line["accounts"] >= own["accounts"]
        assert line["sum"] >= own["sum"]
        moved[line["asset"]] += line["sum"] if line["group"].endswith("-debit") else -line["sum"]
    assert not least
    names = [(line["asset"], line["group"]) for line in lines]
    assert names == sorted(set(names))
    for (_, asset), balance, _, _ in standing:
        moved[asset] -= balance
    moved.subtract(unseen)
    assert not any(moved.values())


def check_path(proof, line):
    """Three shares, apart, each leading to the root of its group's line, together the balance."""
    assert set(proof) == {"account", "asset", "cents", "format", "group", "head", "period", "shares", "v"}
    assert proof["format"] == "bxl-share/1"
    names = ("account", "asset", "cents", "group", "head", "period", "v")
    statement = canonical({name: proof[name] for name in names})
    assert proof["period"] == line["period"]
    assert len(unbase64(proof["head"])) == 32
    assert len(proof["shares"]) == 3
    assert len({share["index"] for share in proof["shares"]}) == 3
    assert sum(share["cents"] for share in proof["shares"]) == proof["cents"]
    for number, share in enumerate(proof["shares"], start=1):
        nonce, path, index = unbase64(share["nonce"]), unbase64(share["path"]), share["index"]
        assert len(nonce) == 32
        assert 0 <= index < line["leaves"] == 2 ** (len(path) // 40)
        assert len(path) % 40 == 0
        found = sum_leaf(nonce, number, share["cents"], statement)
        for at in range(0, len(path), 40):
            beside = int.from_bytes(path[at : at + 8]), path[at + 8 : at + 40]
            found = sum_node(beside, found) if index & 1 else sum_node(found, beside)
            index >>= 1
        assert found == (line["sum"], unbase64(line["root"]))


def state(folder, period, policy, paths=b""):
    """The published totals of a period, in the log, and the paths of a holder that lead to them."""
    size, root = check_signatures((folder / "checkpoint").read_text(), policy.decode())
    public = read_entries(folder, size)
    assert tree([leaf(entry) for entry in public]) == root
    found = parsed((folder / "state" / f"{period}.json").read_bytes())
    assert set(found) == {"entry", "lines"}
    entry, lines = found["entry"], [each["line"] for each in found["lines"]]
    assert public[entry["n"]] == canonical(entry)
    assert entry["t"] == "totals/1"
    assert all(len(unbase64(each["nonce"])) == 32 for each in found["lines"])
    commitments = [hashlib.sha256(unbase64(x["nonce"]) + canonical(x["line"])).digest() for x in found["lines"]]
    assert tree([leaf(each) for each in commitments]) == unbase64(entry["l"]["root"])
    assert lines[0]["key"] == f"totals:{period}"
    groups = {(line["asset"], line["group"]): line for line in lines[1:]}
    assert len(groups) == len(lines) - 1
    assert all(line["period"] == period for line in lines[1:])
    for each in paths.splitlines():
        proof = parsed(each)
        check_path(proof, groups[proof["asset"], proof["group"]])
    return lines[1:]


# --- what entries do


class Account:
    """What the entries so far have made of one account."""

    def __init__(self, line):
        self.minimum, self.maximum = line.get("minimum"), line.get("maximum")
        self.balance = self.count = 0
        self.held = {True: 0, False: 0}
        self.version, self.closed, self.chained, self.last = 1, False, None, None

    def within(self):
        assert self.minimum is None or self.balance - self.held[False] >= self.minimum
        assert self.maximum is None or self.balance + self.held[True] <= self.maximum

    def stated(self, name):
        row = {"account": name[0], "asset": name[1]}
        row |= {k: v for k, v in (("minimum", self.minimum), ("maximum", self.maximum)) if v is not None}
        row |= {"version": self.version} if self.version > 1 else {}
        row |= {"closed": True} if self.closed else {}
        held = {"held_debit": self.held[True], "held_credit": self.held[False]}
        return row | {k: v for k, v in held.items() if v}


class Book:
    """What the entries so far have led to."""

    def __init__(self):
        self.assets, self.accounts, self.keys = {"EUR": 2}, {}, {}
        self.holds, self.periods, self.at, self.last_close = {}, [], "", None
        self.posted, self.reversed, self.reversals = {}, set(), set()
        self.anchors = []
        self.closed, self.moved, self.named, self.state, self.count = set(), Counter(), 0, 0, 0

    def enter(self, n, kind, lines, commitments, header_nonce):
        header, rest = lines[0], lines[1:]
        self.closed |= {(n, index) for index, line in enumerate(lines) if line is CLOSED}
        self.count += lines.count(CLOSED)
        assert header["at"] >= self.at
        self.at = header["at"]
        if kind == "accounts/1":
            for line in filter(None, rest):
                self.open(line)
            return
        assert header["key"] not in self.keys.values()
        if kind in ("posting/1", "hold/1"):
            self.move(n, kind, header, rest, commitments)
        elif kind == "release/1":
            expires = self.holds[header["hold"]][1]
            assert header["step"] == "void" or (expires is not None and expires <= self.at)
            self.free(header["hold"])
        elif kind == "rules/1":
            self.rule(rest[0])
        elif kind in ("state/1", "erasure/1"):
            self.erase(n, kind, rest)
        elif kind == "period/1":
            self.close_period(n, header, header_nonce)
        elif kind == "totals/1":
            self.total(header, rest)
        elif kind == "anchor/1":
            self.anchor(n, rest)
        assert kind != "note/1" or header["about"] in self.keys
        self.keys[n] = header["key"]

    def anchor(self, n, rest):
        assert all(line["size"] <= n for line in rest)
        self.anchors += rest

    def open(self, line):
        if "account" not in line:
            assert line["asset"] not in self.assets
            self.assets[line["asset"]] = line["scale"]
            return
        name = line["account"], line["asset"]
        assert line["asset"] in self.assets
        assert name not in self.accounts
        self.accounts[name] = Account(line)

    def close_period(self, n, header, header_nonce):
        following = (date.fromisoformat(self.periods[-1]) + timedelta(days=1)).isoformat() if self.periods else None
        assert header.get("since") == following
        assert not self.periods or header["until"] > self.periods[-1]
        self.periods.append(header["until"])
        standing = [(name, a.balance, a.count, a.last) for name, a in self.accounts.items() if a.chained]
        self.last_close = (n, header["until"], header_nonce, standing), Counter(self.moved) if self.count else None

    def total(self, header, lines):
        """Of the last close, once; where lines are closed, sums alone."""
        assert self.last_close is not None
        close, unseen = self.last_close
        assert header["key"] == f"totals:{close[1]}"
        if unseen is None:
            assert canonical(lines) == canonical(totals(*close))
        else:
            check_sums(lines, *close, unseen)
        self.last_close = None

    def erase(self, n, kind, lines):
        """Closed lines that are named, and were attested before, are taken as given."""
        if kind == "state/1":
            self.state = n
            return
        assert all(line["to"] - line["from"] <= len(self.closed) for line in lines[1:])
        named = [(line["entry"], index) for line in lines[1:] for index in range(line["from"], line["to"] + 1)]
        assert len(named) == lines[0]["count"] == len(set(named))
        assert set(named) <= self.closed
        given = {(entry, index) for entry, index in named if entry < self.state}
        self.closed -= given
        self.named += len(given)

    def rule(self, line):
        if line is CLOSED:
            return
        account = self.accounts[line["account"], line["asset"]]
        assert line["version"] == account.version + 1
        account.version += 1
        account.minimum, account.maximum, account.closed = line.get("minimum"), line.get("maximum"), "closed" in line
        assert not (account.closed and (account.balance or any(account.held.values())))
        account.within()

    def move(self, n, kind, header, lines, commitments):
        sums, whole = Counter(), CLOSED not in lines
        for line, committed in zip(lines, commitments[1:], strict=True):
            if line is CLOSED:
                continue
            account = self.accounts[line["account"], line["asset"]]
            assert not account.closed
            amount = line.get("debit", 0) - line.get("credit", 0)
            sums[line["asset"]] += amount
            if kind == "hold/1":
                account.held[amount > 0] += abs(amount)
            else:
                account.balance += amount
                self.chain(account, line, committed)
        assert not whole or not any(sums.values())
        if kind == "posting/1" and not whole:
            self.moved.subtract(sums)
        lines = [line for line in lines if line is not CLOSED]
        late = next((until for until in self.periods if until >= header["on"]), None)
        if kind == "hold/1":
            assert late is None
            assert header.get("expires", "9999") > self.at
            reserved = Counter()
            for line in lines:
                reserved[line["account"], line["asset"], "debit" in line] += line.get("debit") or line["credit"]
            self.holds[n] = reserved, header.get("expires"), whole
        else:
            assert header.get("restates") == late
            self.settle(header, lines)
            self.reverse(n, header, lines)
        for line in lines:
            self.accounts[line["account"], line["asset"]].within()

    def chain(self, account, line, committed):
        account.count += 1
        if account.chained is None:
            account.chained = "v" in line
        assert account.chained == ("v" in line)
        if account.chained:
            assert line["v"] == account.count
            assert line.get("prev") == account.last
            account.last = base64.b64encode(committed).decode()

    def settle(self, header, lines):
        if "hold" not in header:
            return
        left, expires, whole = self.holds[header["hold"]]
        assert expires is None or expires > self.at
        for line in lines:
            amount = line.get("debit") or line["credit"]
            left[line["account"], line["asset"], "debit" in line] -= amount
            self.accounts[line["account"], line["asset"]].held["debit" in line] -= amount
        assert min(left.values(), default=0) >= 0
        if "rest" in header or (whole and not any(left.values())):
            self.free(header["hold"])

    def free(self, hold):
        for (account, asset, side), amount in self.holds.pop(hold)[0].items():
            self.accounts[account, asset].held[side] -= amount

    def reverse(self, n, header, lines):
        self.posted[n] = Counter((v["account"], v["asset"], v.get("debit", 0), v.get("credit", 0)) for v in lines)
        if "reverses" not in header:
            return
        target = header["reverses"]
        assert target < n
        assert target not in self.reversed | self.reversals
        mirror = Counter({(a, s, credit, debit): k for (a, s, debit, credit), k in self.posted[target].items()})
        assert mirror == self.posted[n]
        self.reversed.add(target)
        self.reversals.add(n)

    def closing(self):
        moved = sorted((name, a.balance) for name, a in self.accounts.items() if a.count)
        return {
            "accounts": [self.accounts[name].stated(name) for name in sorted(self.accounts)],
            "assets": [{"asset": asset, "scale": self.assets[asset]} for asset in sorted(self.assets)],
            "closed": self.count,
            "periods": self.periods,
            "trial_balance": [
                {"account": name[0], "asset": name[1], "credit": max(-sum_, 0), "debit": max(sum_, 0)}
                for name, sum_ in moved
            ],
        }


def check_public(n, entry):
    if n == 0:
        assert set(entry) == {"n", "policy", "t", "ts"}
        assert entry["t"] == "genesis/1"
        assert len(unbase64(entry["policy"])) == 32
    else:
        assert set(entry) == {"l", "n", "t", "ts"}
        assert entry["t"] in HEADERS
        assert set(entry["l"]) == {"n", "root"}
        assert is_count(entry["l"]["n"])
        assert len(unbase64(entry["l"]["root"])) == 32
    assert is_integer(entry["n"])
    assert entry["n"] == n
    assert matches(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:00Z")(entry["ts"])


def replay(folder, bundle, policy):
    """The closing statement that a whole log with all its openings leads to."""
    size, root = check_signatures((folder / "checkpoint").read_text(), policy.decode())
    public = read_entries(folder, size)
    leaves = [leaf(entry) for entry in public]
    assert tree(leaves) == root
    check_tiles(folder, leaves)
    assert bundle.endswith(b"\n")
    records = [parsed(line) for line in bundle[:-1].split(b"\n")]
    origin = (folder / "checkpoint").read_text().split("\n")[0]
    form = records[0]["bundle"]
    assert form in ("bxl-openings/1", "bxl-openings/2", "bxl-openings/3")
    header = {"book": origin.rpartition("/")[2], "bundle": form, "origin": origin, "size": size}
    assert records[0] == header | {"root": base64.b64encode(root).decode()}
    assert len(records) == size + 2
    check_ended(policy, leaves)
    book, policies = Book(), [unbase64(parsed(public[0])["policy"]).hex()]
    for n, (raw, record) in enumerate(zip(public, records[1:-1], strict=True)):
        entry = parsed(raw)
        check_public(n, entry)
        assert set(record) == {"lines", "n"}
        assert is_integer(record["n"])
        assert record["n"] == n
        open_entry(book, n, entry, record["lines"], may_be_closed=form == "bxl-openings/3")
        if entry["t"] == "policy/1":
            follow(policies, folder, n, entry, record["lines"])
    assert hashlib.sha256(policy).hexdigest() in policies
    assert not book.closed
    assert not book.named or not any(book.moved.values())
    for anchor in book.anchors:
        assert tree(leaves[: anchor["size"]]) == unbase64(anchor["root"])
        token = folder / "anchors" / f"{anchor['size']}.tsr"
        assert not token.exists() or hashlib.sha256(token.read_bytes()).hexdigest() == anchor["sha256"]
    closing = book.closing()
    if form == "bxl-openings/1":
        del closing["periods"]
    if form != "bxl-openings/3":
        closing.pop("closed", None)
    assert canonical(records[-1]) == canonical(closing)
    return closing


def open_entry(book, n, entry, opened, *, may_be_closed):
    if n == 0:
        assert opened == []
        return
    lines, commitments = [], []
    for each in opened:
        if may_be_closed and set(each) == {"commitment"}:
            lines.append(CLOSED)
            commitments.append(unbase64(each["commitment"]))
        else:
            assert set(each) == {"line", "nonce"}
            assert len(unbase64(each["nonce"])) == 32
            lines.append(each["line"])
            commitments.append(hashlib.sha256(unbase64(each["nonce"]) + canonical(each["line"])).digest())
    assert all(len(each) == 32 for each in commitments)
    assert len(lines) == entry["l"]["n"]
    assert tree([leaf(each) for each in commitments]) == unbase64(entry["l"]["root"])
    check_lines(entry["t"], lines)
    assert lines[0]["at"][:17] + "00Z" == entry["ts"]
    book.enter(n, entry["t"], lines, commitments, unbase64(opened[0]["nonce"]))


def blocks(export):
    """The hash of the last block of a log export, each block's computed from what it holds."""
    records = [next(iter(parsed(line).items())) for line in export.splitlines()]
    [book] = [value["book"] for kind, value in records if kind == "log"]
    blocks, entries, answers = [], defaultdict(list), defaultdict(list)
    for kind, value in records:
        if kind == "block":
            blocks.append(value)
        elif blocks and kind in ("entry", "answer"):
            (entries if kind == "entry" else answers)[len(blocks) - 1].append(value)
    prev, following = bytes(32), 0
    for number, block in enumerate(blocks):
        ours = entries[number]
        for entry in ours:
            if entry["n"]:
                commitments = [leaf(unbase64(each)) for each in entry["commitments"]]
                assert tree(commitments) == unbase64(entry["public"]["l"]["root"])
        last = following + len(ours) - 1
        posted = [len(e["item"]["postings"]) for e in ours if e["public"]["t"] == "posting/1"]
        header = {
            "block": number,
            "book": book,
            "entries": len(ours),
            "first": following,
            "last": last,
            "postings": sum(posted),
            "prev": base64.b64encode(prev).decode(),
            "root": base64.b64encode(tree([leaf(canonical(e["public"])) for e in ours])).decode(),
            "sealed_at": block["at"],
        }
        if answers[number]:
            digests = [hashlib.sha256(canonical(a | {"at": block["at"]})).digest() for a in answers[number]]
            root = base64.b64encode(tree([leaf(digest) for digest in digests])).decode()
            header["requests"] = {"n": len(digests), "root": root}
        prev, following = hashlib.sha256(canonical(header)).digest(), last + 1
        assert base64.b64encode(prev).decode() == block["hash"]
    return base64.b64encode(prev).decode()


if __name__ == "__main__":
    command, *names = sys.argv[1:]
    if command == "replay":
        result = replay(Path(names[0]), *(Path(name).read_bytes() for name in names[1:3]))
    elif command == "acknowledgement":
        result = acknowledged(*(Path(name).read_bytes() for name in names[:2]))
    elif command == "state":
        result = state(Path(names[0]), names[1], *(Path(name).read_bytes() for name in names[2:]))
    elif command == "blocks":
        result = blocks(Path(names[0]).read_bytes())
    elif command == "consistency":
        older, newer, proof, policy = (Path(name).read_bytes().decode() for name in names)
        steps = [unbase64(line) for line in proof.splitlines()]
        result = grown(*check_signatures(older, policy), *check_signatures(newer, policy), steps)
        assert result
    else:
        result = verify(*(Path(name).read_bytes() for name in names[:3]))
    sys.stdout.write(f"{result}\n")
