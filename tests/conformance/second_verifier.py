"""A second verifier of receipts, written from docs/log.md alone: it imports nothing of this project.

python second_verifier.py receipt.tlog-proof opening.json policy
"""

import base64
import hashlib
import json
import sys
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


def check_signatures(note, policy):
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    origin, size, root = text.splitlines()
    for line in policy.splitlines():
        if not line.startswith("log "):
            continue
        name, key_id, material = line.split(" ")[1].split("+", 2)
        material = base64.b64decode(material)
        prefix = f"— {name} "
        [blob] = [
            raw
            for raw in (base64.b64decode(s.removeprefix(prefix)) for s in lines.splitlines() if s.startswith(prefix))
            if raw[:4].hex() == key_id
        ]
        if material[0] == 1:
            Ed25519PublicKey.from_public_bytes(material[1:]).verify(blob[4:], text.encode())
        else:
            time, named = blob[4:12], bytes([len(name)]) + name.encode()
            numbers = (0).to_bytes(8, "big") + int(size).to_bytes(8, "big")
            log = bytes([len(origin)]) + origin.encode()
            message = b"subtree/v1\n\x00" + named + time + log + numbers + base64.b64decode(root)
            MLDSA44PublicKey.from_public_bytes(material[1:]).verify(blob[12:], message)
    return int(size), base64.b64decode(root)


def verify(proof, opening, policy):
    head, note = proof.decode().split("\n\n", 1)
    magic, index, *steps = head.split("\n")
    assert magic == "c2sp.org/tlog-proof@v1"
    size, root = check_signatures(note, policy.decode())
    opened = json.loads(opening)
    assert canonical(opened) == opening
    entry = opened["entry"]
    assert index == f"index {entry['n']}"
    assert outer_root(entry["n"], size, leaf(canonical(entry)), [base64.b64decode(s) for s in steps]) == root
    lines = {
        number: hashlib.sha256(base64.b64decode(part["nonce"]) + canonical(part["line"])).digest()
        for number, part in ((0, opened["header"]), (opened["line"]["index"], opened["line"]))
    }
    path = [base64.b64decode(step) for step in opened["path"]]
    assert inner_root(0, entry["l"]["n"], lines, path) == base64.b64decode(entry["l"]["root"])
    assert not path
    return opened["line"]["line"]


if __name__ == "__main__":
    sys.stdout.write(f"{verify(*(Path(name).read_bytes() for name in sys.argv[1:4]))}\n")
