package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// The input is a sequence of proofs: kind (0 inclusion, 1 consistency), index or old size, size, and how many hashes
// the path has, each in 16 bits, then the hashes. The trees are those over "entry 0", "entry 1", …
const (
	inclusion = 0
	stride    = 7
	largest   = 260
)

type proofCase struct {
	kind        uint16
	first, size int64
	path        []tlog.Hash
}

type counts struct {
	Right, Bits, Cuts, Additions, Same int
	Wrong                              map[string]int
}

type trees struct {
	hashes stored
	roots  []tlog.Hash
}

func growTrees() (*trees, error) {
	grown := &trees{roots: make([]tlog.Hash, largest+1)}
	for n := int64(0); n < largest; n++ {
		if err := grown.hashes.add(n, entryBytes(n)); err != nil {
			return nil, err
		}
		root, err := tlog.TreeHash(n+1, &grown.hashes)
		if err != nil {
			return nil, err
		}
		grown.roots[n+1] = root
	}
	return grown, nil
}

func entryBytes(n int64) []byte { return []byte(fmt.Sprintf("entry %d", n)) }

// countProofs asks both libraries about every proof as it stands, with a bit changed in each hash, cut, and lengthened.
func countProofs(input io.Reader) (interface{}, error) {
	grown, err := growTrees()
	if err != nil {
		return nil, err
	}
	total := counts{Wrong: map[string]int{"x/mod": 0, "certificate-transparency": 0}}
	reader := bufio.NewReaderSize(input, 1<<20)
	for number := 0; ; number++ {
		proof, err := readProof(reader)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return nil, err
		}
		if grown.tlogTakes(proof, proof.path) && grown.ctTakes(proof, proof.path) {
			total.Right++
		}
		if grown.provesTheSame(proof) {
			total.Same++
		}
		for step := range proof.path {
			bit := (number*stride + step) % (8 * tlog.HashSize)
			changed := append([]tlog.Hash(nil), proof.path...)
			changed[step][bit/8] ^= 1 << (bit % 8)
			total.Bits++
			grown.countWrong(&total, proof, changed)
		}
		if last := len(proof.path) - 1; last >= 0 {
			total.Cuts++
			grown.countWrong(&total, proof, proof.path[:last])
		}
		total.Additions++
		grown.countWrong(&total, proof, append(append([]tlog.Hash(nil), proof.path...), tlog.RecordHash(nil)))
	}
}

func (t *trees) countWrong(total *counts, proof proofCase, path []tlog.Hash) {
	if t.tlogTakes(proof, path) {
		total.Wrong["x/mod"]++
	}
	if t.ctTakes(proof, path) {
		total.Wrong["certificate-transparency"]++
	}
}

func readProof(reader io.Reader) (proofCase, error) {
	var head [4]uint16
	if err := binary.Read(reader, binary.BigEndian, &head); err != nil {
		return proofCase{}, err
	}
	proof := proofCase{kind: head[0], first: int64(head[1]), size: int64(head[2]), path: make([]tlog.Hash, head[3])}
	for i := range proof.path {
		if _, err := io.ReadFull(reader, proof.path[i][:]); err != nil {
			return proof, err
		}
	}
	return proof, nil
}

// provesTheSame asks the Go module log for its own proof and compares it hash by hash.
func (t *trees) provesTheSame(proof proofCase) bool {
	var own []tlog.Hash
	var err error
	if proof.kind == inclusion {
		own, err = tlog.ProveRecord(proof.size, proof.first, &t.hashes)
	} else {
		own, err = tlog.ProveTree(proof.size, proof.first, &t.hashes)
	}
	if err != nil || len(own) != len(proof.path) {
		return false
	}
	for i, hash := range own {
		if hash != proof.path[i] {
			return false
		}
	}
	return true
}

func (t *trees) tlogTakes(proof proofCase, path []tlog.Hash) bool {
	if proof.kind == inclusion {
		leaf := tlog.RecordHash(entryBytes(proof.first))
		return tlog.CheckRecord(path, proof.size, t.roots[proof.size], proof.first, leaf) == nil
	}
	return tlog.CheckTree(path, proof.size, t.roots[proof.size], proof.first, t.roots[proof.first]) == nil
}

func (t *trees) ctTakes(proof proofCase, path []tlog.Hash) bool {
	steps := make([][]byte, len(path))
	for i := range path {
		steps[i] = path[i][:]
	}
	root := t.roots[proof.size][:]
	if proof.kind == inclusion {
		return ct.VerifyInclusionProof(proof.first+1, proof.size, steps, root, entryBytes(proof.first)) == nil
	}
	return ct.VerifyConsistencyProof(proof.first, proof.size, t.roots[proof.first][:], root, steps) == nil
}
