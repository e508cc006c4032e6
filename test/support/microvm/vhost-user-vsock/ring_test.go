package main

import (
	"encoding/binary"
	"strings"
	"testing"
	"unsafe"
)

func bytesOf(words []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
}

// descriptor is an entry of a table as a driver writes it.
type descriptor struct {
	address uint64
	length  uint32
	flags   uint16
	next    uint16
}

func put(into []byte, at int, d descriptor) {
	entry := into[at:]
	binary.LittleEndian.PutUint64(entry, d.address)
	binary.LittleEndian.PutUint32(entry[8:], d.length)
	binary.LittleEndian.PutUint16(entry[12:], d.flags)
	binary.LittleEndian.PutUint16(entry[14:], d.next)
}

// offered is a ring of four entries in which the driver has put one chain, beginning at the first descriptor.
func offered(t *testing.T, descriptors ...descriptor) (*ring, []byte) {
	t.Helper()
	data := bytesOf(make([]uint64, 1024))
	for i, each := range descriptors {
		put(data, i*descriptorSize, each)
	}
	at := ringAddresses{descriptors: userMemoryStart, available: userMemoryStart + 1024, used: userMemoryStart + 2048}
	r, err := newRing(memoryOf(data), 4, 0, at)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint16(data[1024+2:], 1)
	return r, data
}

func TestAChainOfSeveralBuffers(t *testing.T) {
	const start = guestMemoryStart + 4096
	r, data := offered(t, descriptor{start, 44, descriptorNext, 2}, descriptor{}, descriptor{start + 100, 5, 0, 0})
	copy(data[4096+100:], "hello")
	taken, err := r.take()
	if err != nil || len(taken.buffers) != 2 || string(taken.buffers[1]) != "hello" || taken.writable {
		t.Fatalf("%+v, %v", taken, err)
	}
	if none, err := r.take(); none != nil || err != nil {
		t.Fatalf("%+v, %v", none, err)
	}
	if !r.giveBack(taken, 7) {
		t.Error("the driver wants to be told")
	}
	if got := binary.LittleEndian.Uint32(data[2048+8:]); got != 7 {
		t.Errorf("%d bytes written", got)
	}
	if got := binary.LittleEndian.Uint16(data[2048+2:]); got != 1 {
		t.Errorf("index %d", got)
	}
	binary.LittleEndian.PutUint16(data[1024:], availableNoInterrupt)
	if r.giveBack(taken, 0) {
		t.Error("the driver does not want to be told")
	}
}

func TestATableOfDescriptors(t *testing.T) {
	const table = guestMemoryStart + 4096
	r, data := offered(t, descriptor{table, 2 * descriptorSize, descriptorIndirect, 0})
	put(data, 4096, descriptor{table + 100, 1, descriptorWritable | descriptorNext, 1})
	put(data, 4096+descriptorSize, descriptor{table + 200, 2, descriptorWritable, 0})
	taken, err := r.take()
	if err != nil || len(taken.buffers) != 2 || len(taken.buffers[1]) != 2 || !taken.writable {
		t.Fatalf("%+v, %v", taken, err)
	}
}

func TestABrokenRingIsAnError(t *testing.T) {
	const start = guestMemoryStart
	for want, descriptors := range map[string][]descriptor{
		"not in its memory": {{start + 8*1024 - 4, 5, 0, 0}},
		"at 0xfffffffffff":  {{0xffffffffffffffff, 2, 0, 0}},
		"at 0x0":            {{0, 1, 0, 0}},
		"descriptor 4 of 4": {{start, 1, descriptorNext, 4}},
		"circle":            {{start, 1, descriptorNext, 1}, {start, 1, descriptorNext, 0}},
		"mixed":             {{start, 1, descriptorNext, 1}, {start, 1, descriptorWritable, 0}},
		"none may be":       {{start, 1, descriptorNext, 1}, {start, 16, descriptorIndirect, 0}},
		"descriptor 0 of 0": {{start, 15, descriptorIndirect, 0}},
	} {
		r, _ := offered(t, descriptors...)
		if _, err := r.take(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
	}
}

func TestAPacketThatIsNone(t *testing.T) {
	announced := header{operation: opData, length: 3}.encode()
	for name, broken := range map[string]*chain{
		"short":     {buffers: [][]byte{make([]byte, headerSize-1)}},
		"announced": {buffers: [][]byte{announced, []byte("ab")}},
		"writable":  {buffers: [][]byte{announced, []byte("abc")}, writable: true},
	} {
		if _, _, err := readPacket(broken); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, payload, err := readPacket(&chain{buffers: [][]byte{announced, []byte("abcd")}}); err != nil || string(payload) != "abc" {
		t.Errorf("%q, %v", payload, err)
	}
}

func TestAPacketAcrossBuffers(t *testing.T) {
	want := header{
		sourceCID: 1, destinationCID: 2, sourcePort: 3, destinationPort: 4, length: 5,
		socketType: 6, operation: 7, flags: 8, bufferSize: 9, forwarded: 10,
	}
	into := &chain{writable: true, buffers: [][]byte{make([]byte, 10), make([]byte, 36), make([]byte, 3)}}
	taken, err := writePacket(into, want, []byte("hello, guest"))
	if err != nil || taken != 5 {
		t.Fatalf("%d, %v", taken, err)
	}
	var all []byte
	for _, buffer := range into.buffers {
		all = append(all, buffer...)
	}
	if got := decodeHeader(all); got != want || string(all[headerSize:]) != "hello" {
		t.Fatalf("%+v %q", got, all[headerSize:])
	}
	for _, small := range []*chain{
		{writable: true, buffers: [][]byte{make([]byte, headerSize)}},
		{writable: true, buffers: [][]byte{make([]byte, 3)}},
		{buffers: [][]byte{make([]byte, 100)}},
	} {
		if _, err := writePacket(small, want, []byte("x")); err == nil {
			t.Error("no error")
		}
	}
}
