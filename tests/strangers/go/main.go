// Judges a published log with code of the Go project: golang.org/x/mod/sumdb/{note,tlog}, which checks Go's own module
// log, and the verifier of Google's certificate-transparency. What is here reads files and asks them.
//
//	judge log FOLDER VKEY             signature, every entry, every tile, the root
//	judge receipt PROOF OPENING VKEY  signature, and that the entry is in the log
//	judge vectors FOLDER              its verdict on every vector it can judge, as JSON
//	judge proofs < FILE               every proof and every changed one, counted, as JSON
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	result, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(result)
}

func run(args []string) (interface{}, error) {
	switch {
	case len(args) == 3 && args[0] == "log":
		return checkLog(args[1], args[2])
	case len(args) == 4 && args[0] == "receipt":
		return checkReceipt(args[1], args[2], args[3])
	case len(args) == 2 && args[0] == "vectors":
		return judgeVectors(args[1])
	case len(args) == 1 && args[0] == "proofs":
		return countProofs(os.Stdin)
	}
	return nil, fmt.Errorf("usage: judge log|receipt|vectors|proofs …")
}
