#!/usr/bin/env bash
# check-receipt.sh PROOF OPENING POLICY, with openssl, coreutils and sed: all of a receipt but its ML-DSA-44 signature
set -eu
export LC_ALL=C
proof=$1 opening=$2 policy=$3
work=$(mktemp -d); trap 'rm -r "$work"' EXIT
refuse() { echo "refused: $1" >&2; exit 1; }
sum() { sha256sum | cut -c1-64 | tr a-f A-F; }
bytes() { basenc -d --base16 <<<"$1"; }
hex() { base64 -d <<<"$1" | basenc --base16 -w0; }
node() { { printf '\001'; bytes "$1$2"; } | sum; }
# the parts of the proof: index, path, text of the checkpoint, signature lines
[ "$(sed -n 1p "$proof")" = "c2sp.org/tlog-proof@v1" ] || refuse "first line"
index=$(sed -n '2s/^index \(0\|[1-9][0-9]*\)$/\1/p' "$proof"); [ -n "$index" ] || refuse "index line"
mapfile -t path < <(sed -n '3,/^$/{/^$/d;p}' "$proof")
sed '1,/^$/d' "$proof" | sed '/^$/,$d' >"$work/text"
sed '1,/^$/d' "$proof" | sed '1,/^$/d' >"$work/signatures"
mapfile -t text <"$work/text"
[ ${#text[@]} -eq 3 ] && [[ ${text[1]} =~ ^[1-9][0-9]*$ ]] || refuse "checkpoint"
size=${text[1]} root=$(hex "${text[2]}")
# the Ed25519 signature of the key that the policy names first
vkey=$(sed -n 's/^log //p' "$policy" | sed -n 1p); name=${vkey%%+*} rest=${vkey#*+}; id=${rest%%+*} key=$(hex "${rest#*+}")
[ "${key:0:2}" = 01 ] && [ "${text[0]}" = "$name" ] || refuse "key of the policy, or origin"
[ "$({ printf '%s\n' "$name"; bytes "$key"; } | sum | cut -c1-8)" = "${id^^}" ] || refuse "key id"
bytes "302A300506032B6570032100${key:2}" >"$work/key"
signature=
while read -r dash signer blob; do
  blob=$(hex "$blob")
  if [ "$dash $signer ${blob:0:8}" = "— $name ${id^^}" ]; then [ -z "$signature" ] || refuse "two signatures"; signature=${blob:8}; fi
done <"$work/signatures"
bytes "$signature" >"$work/signature"
openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -in "$work/text" -sigfile "$work/signature" >/dev/null 2>&1 || refuse "signature"
# the parts of the opening, which must make up the whole file
nonce='([A-Za-z0-9+/]{43}=)'
form='^\{"entry":(\{.*\}),"header":\{"line":(\{.*\}),"nonce":"'$nonce'"\},"line":\{"index":([1-9][0-9]*),"line":(\{.*\}),"nonce":"'$nonce'"\},"path":\[(.*)\]\}$'
[[ $(cat "$opening"; echo .) =~ ${form%$}.$ ]] || refuse "form of the opening"
entry=${BASH_REMATCH[1]} header=${BASH_REMATCH[2]} nonce0=${BASH_REMATCH[3]} line=${BASH_REMATCH[4]} posting=${BASH_REMATCH[5]}
nonce1=${BASH_REMATCH[6]}; IFS=, read -r -a inner <<<"$(tr -d '"' <<<"${BASH_REMATCH[7]}")"
[[ $entry =~ ^\{\"l\":\{\"n\":([0-9]+),\"root\":\"([A-Za-z0-9+/=]+)\"\},\"n\":([0-9]+), ]] || refuse "form of the entry"
count=${BASH_REMATCH[1]} lines_root=$(hex "${BASH_REMATCH[2]}"); [ "${BASH_REMATCH[3]}" = "$index" ] || refuse "entry number"
# from the entry and the path to the root of the checkpoint (RFC 9162, section 2.1.3.2)
hash=$({ printf '\000'; printf %s "$entry"; } | sum) at=$index last=$((size - 1)); [ "$at" -lt "$size" ] || refuse "index"
for step in "${path[@]}"; do
  step=$(hex "$step"); [ ${#step} -eq 64 ] && [ "$last" -gt 0 ] || refuse "path"
  if ((at & 1 || at == last)); then hash=$(node "$step" "$hash"); while ((!(at & 1) && at)); do ((at >>= 1, last >>= 1, 1)); done
  else hash=$(node "$hash" "$step"); fi
  ((at >>= 1, last >>= 1, 1))
done
[ "$last" -eq 0 ] && [ "$hash" = "$root" ] || refuse "the entry is not in the log"
# from both lines and the path of the opening to the root of the entry's lines
leaf() { { printf '\000'; { base64 -d <<<"$1"; printf %s "$2"; } | sha256sum | cut -c1-64 | tr a-f A-F | basenc -d --base16; } | sum; }
lines() { # start, end: sets $up
  local start=$1 end=$2 half=1 left
  if ! ((start == 0 || (start <= line && line < end))); then up=$(hex "${inner[used]-}"); ((used += 1)); [ ${#up} -eq 64 ] || refuse "path of the lines"
  elif ((end - start == 1)); then if ((start)); then up=$(leaf "$nonce1" "$posting"); else up=$(leaf "$nonce0" "$header"); fi
  else while ((half * 2 < end - start)); do ((half *= 2)); done; lines "$start" $((start + half)); left=$up; lines $((start + half)) "$end"; up=$(node "$left" "$up"); fi
}
[ "$line" -lt "$count" ] || refuse "line"; used=0; lines 0 "$count"
[ "$used" -eq ${#inner[@]} ] && [ "$up" = "$lines_root" ] || refuse "the lines are not those of the entry"
echo "entry $index of $size, line $line: $posting"
