package main

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/certificate-transparency/go/merkletree"
	"golang.org/x/mod/sumdb/tlog"
)

type row struct {
	Name  string            `json:"name"`
	Kind  string            `json:"kind"`
	Files map[string]string `json:"files"`
}

type treeProof struct {
	Entry   string   `json:"entry"`
	Index   int64    `json:"index"`
	Size    int64    `json:"size"`
	Root    string   `json:"root"`
	Path    []string `json:"path"`
	OldSize int64    `json:"old_size"`
	OldRoot string   `json:"old_root"`
	NewSize int64    `json:"new_size"`
	NewRoot string   `json:"new_root"`
}

var ct = merkletree.NewMerkleVerifier(func(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
})

// judgeVectors says of each vector, by its name and by library, whether it is accepted.
func judgeVectors(folder string) (interface{}, error) {
	data, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		return nil, err
	}
	var rows []row
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, err
	}
	verdicts := map[string]map[string]bool{"x/mod": {}, "certificate-transparency": {}}
	for _, row := range rows {
		switch row.Kind {
		case "inclusion", "consistency":
			proof, err := readTreeProof(filepath.Join(folder, row.Files["proof"]))
			if err != nil {
				return nil, err
			}
			verdicts["x/mod"][row.Name] = tlogAccepts(row.Kind, proof)
			verdicts["certificate-transparency"][row.Name] = ctAccepts(row.Kind, proof)
		case "checkpoint":
			encoded, err := os.ReadFile(filepath.Join(folder, row.Files["checkpoint"]))
			if err != nil {
				return nil, err
			}
			_, err = openCheckpoint(encoded, firstKey(folder, row.Files["policy"]))
			verdicts["x/mod"][row.Name] = err == nil
		case "receipt":
			proof, opening := filepath.Join(folder, row.Files["proof"]), filepath.Join(folder, row.Files["opening"])
			_, err := checkReceipt(proof, opening, firstKey(folder, row.Files["policy"]))
			verdicts["x/mod"][row.Name] = err == nil
		case "log":
			_, err := checkLog(filepath.Join(folder, row.Files["log"]), firstKey(folder, row.Files["policy"]))
			verdicts["x/mod"][row.Name] = err == nil
		}
	}
	return verdicts, nil
}

// firstKey is the Ed25519 key of a policy: its first log line. Without one no note opens.
func firstKey(folder, policy string) string {
	data, _ := os.ReadFile(filepath.Join(folder, policy))
	for _, line := range strings.Split(string(data), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "log" {
			return fields[1]
		}
	}
	return ""
}

func readTreeProof(file string) (proof treeProof, err error) {
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &proof)
	}
	return proof, err
}

func tlogAccepts(kind string, proof treeProof) bool {
	var path []tlog.Hash
	for _, step := range proof.Path {
		hash, err := tlog.ParseHash(step)
		if err != nil {
			return false
		}
		path = append(path, hash)
	}
	if kind == "inclusion" {
		root, err := tlog.ParseHash(proof.Root)
		entry, _ := fromBase64(proof.Entry)
		return err == nil && tlog.CheckRecord(path, proof.Size, root, proof.Index, tlog.RecordHash(entry)) == nil
	}
	old, err := tlog.ParseHash(proof.OldRoot)
	if err != nil {
		return false
	}
	root, err := tlog.ParseHash(proof.NewRoot)
	return err == nil && tlog.CheckTree(path, proof.NewSize, root, proof.OldSize, old) == nil
}

func ctAccepts(kind string, proof treeProof) bool {
	var path [][]byte
	for _, step := range proof.Path {
		hash, _ := fromBase64(step)
		path = append(path, hash)
	}
	root, _ := fromBase64(proof.Root)
	if kind == "inclusion" {
		entry, _ := fromBase64(proof.Entry)
		return ct.VerifyInclusionProof(proof.Index+1, proof.Size, path, root, entry) == nil
	}
	old, _ := fromBase64(proof.OldRoot)
	root, _ = fromBase64(proof.NewRoot)
	return ct.VerifyConsistencyProof(proof.OldSize, proof.NewSize, old, root, path) == nil
}
