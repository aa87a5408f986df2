// Judges receipts with @sigstore/verify: `node sigstore_receipt.cjs FILE…` says `accepted` or `refused` of each.
// A file tells the receipt as a record of sigstore's log, and the key that must have signed the checkpoint.
"use strict";
const { createPublicKey } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { verifyMerkleInclusion } = require("@sigstore/verify/dist/tlog/merkle.js");
const { verifyCheckpoint } = require("@sigstore/verify/dist/tlog/checkpoint.js");
const { VerificationError } = require("@sigstore/verify");

const bytes = (text) => Buffer.from(text, "base64");

function check(told) {
  const entry = {
    canonicalizedBody: bytes(told.entry),
    inclusionProof: {
      logIndex: String(told.index),
      treeSize: String(told.size),
      rootHash: bytes(told.root),
      hashes: told.hashes.map(bytes),
      checkpoint: { envelope: told.envelope },
    },
  };
  const publicKey = createPublicKey({ key: bytes(told.key), format: "der", type: "spki" });
  const log = { baseURL: `https://${told.name}`, logID: Buffer.from(told.key_id, "hex"), publicKey };
  verifyMerkleInclusion(entry, verifyCheckpoint(entry, [log]));
}

for (const file of process.argv.slice(2)) {
  const told = JSON.parse(readFileSync(file, "utf8"));
  try {
    check(told);
    console.log("accepted");
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    console.log("refused");
  }
}
