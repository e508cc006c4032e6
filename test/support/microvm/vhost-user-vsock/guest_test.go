package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

const (
	testCID     = 42
	guestPort   = 2222
	guestBuffer = 256 * 1024
	// Small, so that tests come around the rings.
	ringSize = 8
	pageSize = 4096
	// For what is expected to happen: generous, as machines can be busy.
	patience = 30 * time.Second
)

// guest is the driver's side of a device, played by a test.
type guest struct {
	t        *testing.T
	device   *device
	hybrid   string
	memory   []byte
	toGuest  driverRing
	toHost   driverRing
	received []byte
}

// driverRing is a ring of as many pages as it has entries, at a place of the memory.
type driverRing struct {
	queue           *queue
	memory          []byte
	at              int
	available, seen uint16
}

// Where the guest and the machine see the memory: neither is where we do.
const (
	guestMemoryStart = 0x1000_0000
	userMemoryStart  = 0x7000_0000
)

func startGuest(t *testing.T) *guest {
	d := newDevice(testCID)
	words := make([]uint64, 64*pageSize/8) // so that it is aligned
	memory := bytesOf(words)
	g := &guest{t: t, device: d, memory: memory, hybrid: filepath.Join(t.TempDir(), "vm.sock")}
	shared := memoryOf(memory)
	// Indexes come around too.
	const base = 65530
	for i, each := range []struct {
		ring  *driverRing
		queue *queue
	}{{&g.toGuest, d.toGuest}, {&g.toHost, d.toHost}} {
		at := i * 32 * pageSize
		*each.ring = driverRing{queue: each.queue, memory: memory, at: at, available: base, seen: base}
		start := uint64(userMemoryStart + at)
		addresses := ringAddresses{descriptors: start, available: start + 1024, used: start + 2048}
		for _, index := range []int{at + 1024, at + 2048} {
			binary.LittleEndian.PutUint16(memory[index+2:], base)
		}
		err := each.queue.change(func() {
			each.queue.memory, each.queue.size, each.queue.base = shared, ringSize, base
			each.queue.addresses, each.queue.enabled = &addresses, true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for slot := uint16(0); slot < ringSize; slot++ {
		g.toGuest.offer(slot, pageSize, descriptorWritable)
	}
	clients, err := listen(g.hybrid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clients.Close() })
	go acceptClients(clients, d)
	go d.processGuestPackets()
	return g
}

func memoryOf(data []byte) memory {
	return memory{{guestAddress: guestMemoryStart, userAddress: userMemoryStart, data: data}}
}

// page is where the buffer of an entry is, from the start of the memory.
func (r *driverRing) page(slot uint16) int { return r.at + (1+int(slot))*pageSize }

// offer gives the device an entry's buffer.
func (r *driverRing) offer(slot uint16, length int, flags uint16) {
	entry := r.memory[r.at+descriptorSize*int(slot):]
	binary.LittleEndian.PutUint64(entry, uint64(guestMemoryStart+r.page(slot)))
	binary.LittleEndian.PutUint32(entry[8:], uint32(length))
	binary.LittleEndian.PutUint16(entry[12:], flags)
	binary.LittleEndian.PutUint16(r.memory[r.at+1024+4+2*int(r.available%ringSize):], slot)
	r.available++
	atomic.StoreUint32(head(r.memory[r.at+1024:]), uint32(r.available)<<16)
	r.queue.wake()
}

// waiting tells how many buffers the device has given back that were not yet taken.
func (r *driverRing) waiting() uint16 {
	return uint16(atomic.LoadUint32(head(r.memory[r.at+2048:]))>>16) - r.seen
}

// back takes a buffer that the device has given back; found is false when there is none.
func (r *driverRing) back() (slot uint16, length int, found bool) {
	if r.waiting() == 0 {
		return 0, 0, false
	}
	entry := r.memory[r.at+2048+4+8*int(r.seen%ringSize):]
	r.seen++
	return uint16(binary.LittleEndian.Uint32(entry)), int(binary.LittleEndian.Uint32(entry[4:])), true
}

// send sends a packet to the host. The ring has to have room: the guest takes back what is done before.
func (g *guest) send(h header, payload []byte) {
	g.t.Helper()
	h.sourceCID, h.destinationCID, h.socketType = testCID, hostCID, typeStream
	h.length = uint32(len(payload))
	g.waitFor("room in the ring", func() bool {
		for _, _, found := g.toHost.back(); found; _, _, found = g.toHost.back() {
		}
		return g.toHost.available-g.toHost.seen < ringSize
	})
	slot := g.toHost.available % ringSize
	copy(g.memory[g.toHost.page(slot):][:pageSize], append(h.encode(), payload...))
	g.toHost.offer(slot, headerSize+len(payload), 0)
}

// next gives the next packet from the host; none when there is none.
func (g *guest) next() (header, []byte, bool) {
	slot, length, found := g.toGuest.back()
	if !found {
		return header{}, nil, false
	}
	packet := append([]byte(nil), g.memory[g.toGuest.page(slot):][:length]...)
	g.toGuest.offer(slot, pageSize, descriptorWritable)
	h := decodeHeader(packet)
	if h.sourceCID != hostCID || h.destinationCID != testCID || h.socketType != typeStream {
		g.t.Errorf("a packet that is not for a stream of this guest: %+v", h)
	}
	if int(h.length) != length-headerSize {
		g.t.Errorf("a packet of %d bytes announces %d", length-headerSize, h.length)
	}
	return h, packet[headerSize:], true
}

// expect waits for the next packet, which must be of this operation.
func (g *guest) expect(want operation) (h header, payload []byte) {
	g.t.Helper()
	g.waitFor(fmt.Sprintf("a packet of operation %d", want), func() (found bool) {
		h, payload, found = g.next()
		return found
	})
	if h.operation != want {
		g.t.Fatalf("operation %d came, not %d: %+v", h.operation, want, h)
	}
	return h, payload
}

func (g *guest) waitFor(what string, condition func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			g.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// peer is a connection, seen from the guest.
type peer struct {
	*guest
	ports     ports
	client    *net.UnixConn
	forwarded uint32
	buffer    uint32
}

// connect makes a connection that the guest has accepted, and that can take so many bytes at once.
func (g *guest) connect(buffer uint32) *peer {
	g.t.Helper()
	client := g.dial(fmt.Sprintf("CONNECT %d\n", guestPort))
	request, _ := g.expect(opRequest)
	p := &peer{guest: g, ports: ports{host: request.sourcePort, guest: request.destinationPort}, client: client, buffer: buffer}
	p.send(opResponse, 0, nil)
	p.clientReads(fmt.Sprintf("OK %d\n", request.sourcePort))
	return p
}

func (g *guest) dial(line string) *net.UnixConn {
	g.t.Helper()
	client, err := net.Dial("unix", g.hybrid)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { client.Close() })
	if err := client.SetDeadline(time.Now().Add(patience)); err != nil {
		g.t.Fatal(err)
	}
	if _, err := io.WriteString(client, line); err != nil {
		g.t.Fatal(err)
	}
	return client.(*net.UnixConn)
}

func (p *peer) send(op operation, flags uint32, payload []byte) {
	p.t.Helper()
	p.guest.send(header{
		sourcePort: p.ports.guest, destinationPort: p.ports.host, operation: op, flags: flags,
		bufferSize: p.buffer, forwarded: p.forwarded,
	}, payload)
}

// clientReads expects the client to get exactly this next.
func (p *peer) clientReads(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.client, got); err != nil || string(got) != want {
		p.t.Fatalf("the client got %q, %v, not %q", got, err, want)
	}
}

func (p *peer) clientReadsEnd() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.client); err != nil || len(rest) > 0 {
		p.t.Fatalf("the client got %d more bytes, %v, and not the end", len(rest), err)
	}
}

func (p *peer) clientWrites(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.client, text); err != nil {
		p.t.Fatal(err)
	}
}

// collect takes data packets until it has so many bytes.
func (p *peer) collect(count int) []byte {
	p.t.Helper()
	var all bytes.Buffer
	for all.Len() < count {
		_, payload := p.expect(opData)
		all.Write(payload)
	}
	return all.Bytes()
}
