package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight, tileWidth = 8, 256

// openCheckpoint checks the Ed25519 signature of a note and reads the three lines of a C2SP checkpoint.
func openCheckpoint(encoded []byte, vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(encoded, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("checkpoint: lines or origin")
	}
	for _, extension := range lines[3 : len(lines)-1] {
		if extension == "" {
			return tree, fmt.Errorf("checkpoint: a blank line")
		}
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != lines[1] {
		return tree, fmt.Errorf("checkpoint: size")
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// folderTiles reads tiles of the C2SP layout, whose paths are those of the Go module log without the height.
type folderTiles struct {
	folder string
	read   int
}

func (f *folderTiles) Height() int                                { return tileHeight }
func (f *folderTiles) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (f *folderTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(f.folder, path))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: %d bytes", path, len(data))
		}
		f.read++
		all = append(all, data)
	}
	return all, nil
}

// readEntries reads the entry bundles of a log: each entry after its length in 16 bits.
func readEntries(folder string, size int64) ([][]byte, error) {
	var entries [][]byte
	for n := int64(0); n*tileWidth < size; n++ {
		tile := tlog.Tile{H: tileHeight, L: 0, N: n, W: tileWidth}
		if rest := size - n*tileWidth; rest < tileWidth {
			tile.W = int(rest)
		}
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/0/", tileHeight), "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s: cut short", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:end])
			data = data[end:]
		}
	}
	if int64(len(entries)) != size {
		return nil, fmt.Errorf("%d entries for a size of %d", len(entries), size)
	}
	return entries, nil
}

// stored keeps the hashes of a tree in the order in which the Go module log numbers them.
type stored []tlog.Hash

func (s *stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(*s)) {
			return nil, fmt.Errorf("hash %d is not stored", index)
		}
		hashes[i] = (*s)[index]
	}
	return hashes, nil
}

func (s *stored) add(n int64, entry []byte) error {
	hashes, err := tlog.StoredHashes(n, entry, s)
	*s = append(*s, hashes...)
	return err
}

// checkLog hashes every entry, builds the tree again, and reads every hash of it back from the tiles.
func checkLog(folder, vkey string) (interface{}, error) {
	encoded, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return nil, err
	}
	tree, err := openCheckpoint(encoded, vkey)
	if err != nil {
		return nil, err
	}
	entries, err := readEntries(folder, tree.N)
	if err != nil {
		return nil, err
	}
	var hashes stored
	for n, entry := range entries {
		if err := hashes.add(int64(n), entry); err != nil {
			return nil, err
		}
	}
	root, err := tlog.TreeHash(tree.N, &hashes)
	if err != nil || root != tree.Hash {
		return nil, fmt.Errorf("the entries do not lead to the signed root")
	}
	tiles := &folderTiles{folder: folder}
	reader := tlog.TileHashReader(tree, tiles)
	for n := int64(0); n < tree.N; n++ {
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err != nil {
			return nil, err
		}
		if leaf[0] != tlog.RecordHash(entries[n]) {
			return nil, fmt.Errorf("entry %d is not the one in the tiles", n)
		}
	}
	return map[string]int64{"size": tree.N, "tiles_read": int64(tiles.read)}, nil
}

// splitProof reads a tlog-proof: its index, its path and its checkpoint.
func splitProof(encoded []byte) (int64, []tlog.Hash, []byte, error) {
	parts := bytes.SplitN(encoded, []byte("\n\n"), 2)
	lines := strings.Split(string(parts[0]), "\n")
	if len(parts) != 2 || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return 0, nil, nil, fmt.Errorf("proof: first lines")
	}
	digits := strings.TrimPrefix(lines[1], "index ")
	index, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || strconv.FormatInt(index, 10) != digits {
		return 0, nil, nil, fmt.Errorf("proof: index")
	}
	var path []tlog.Hash
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return 0, nil, nil, err
		}
		path = append(path, hash)
	}
	return index, path, parts[1], nil
}

// checkReceipt checks the checkpoint of a receipt, and that the entry of its opening is in the log.
func checkReceipt(proofFile, openingFile, vkey string) (interface{}, error) {
	proof, err := os.ReadFile(proofFile)
	if err != nil {
		return nil, err
	}
	opening, err := os.ReadFile(openingFile)
	if err != nil {
		return nil, err
	}
	index, path, checkpoint, err := splitProof(proof)
	if err != nil {
		return nil, err
	}
	tree, err := openCheckpoint(checkpoint, vkey)
	if err != nil {
		return nil, err
	}
	var opened struct {
		Entry json.RawMessage `json:"entry"`
	}
	if err := json.Unmarshal(opening, &opened); err != nil {
		return nil, err
	}
	if index >= tree.N {
		return nil, fmt.Errorf("proof: index beyond the size")
	}
	entry, err := objectBytes(opened.Entry)
	if err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return nil, err
	}
	return map[string]int64{"index": index, "size": tree.N}, nil
}

// objectBytes refuses an entry that is no object; the bytes of an object are hashed as they stand.
func objectBytes(entry []byte) ([]byte, error) {
	if len(entry) == 0 || entry[0] != '{' {
		return nil, fmt.Errorf("opening: no entry")
	}
	return entry, nil
}

func fromBase64(text string) ([]byte, error) { return base64.StdEncoding.DecodeString(text) }
