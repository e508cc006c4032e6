package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"syscall"
	"testing"
)

func TestWhatIsWrittenRightAfterTheFirstLineGoesToTheGuest(t *testing.T) {
	g := startGuest(t)
	client := g.dial("CONNECT 52\nhello")
	request, _ := g.expect(opRequest)
	if request.destinationPort != 52 || request.sourcePort < firstHostPort || request.bufferSize != bufferSize {
		t.Fatalf("%+v", request)
	}
	p := &peer{guest: g, ports: ports{host: request.sourcePort, guest: 52}, client: client, buffer: guestBuffer}
	p.send(opResponse, 0, nil)
	p.clientReads(fmt.Sprintf("OK %d\n", request.sourcePort))
	if got := string(p.collect(5)); got != "hello" {
		t.Fatalf("%q", got)
	}
}

func TestAPortWhereNobodyListensIsAnEndWithoutOK(t *testing.T) {
	g := startGuest(t)
	p := &peer{guest: g, client: g.dial("CONNECT 2222\n")}
	request, _ := g.expect(opRequest)
	p.ports = ports{host: request.sourcePort, guest: request.destinationPort}
	p.send(opReset, 0, nil)
	p.clientReadsEnd()
}

func TestAFirstLineThatConnectsNothing(t *testing.T) {
	g := startGuest(t)
	for _, line := range []string{"CONNECT\n", "CONNECT x\n", "CONNECT -1\n", "CONNECT 4294967296\n", "GET / HTTP/1.1\n", strings.Repeat("x", maxLine)} {
		(&peer{guest: g, client: g.dial(line)}).clientReadsEnd()
	}
	// Then the first packet is this one's.
	g.connect(guestBuffer)
}

func TestWhatIsForNobodyIsReset(t *testing.T) {
	g := startGuest(t)
	stranger := func(op operation) header {
		return header{sourcePort: 7, destinationPort: uint32(op), operation: op, bufferSize: guestBuffer}
	}
	// An answer to a reset could go on for ever.
	g.send(stranger(opReset), nil)
	for _, op := range []operation{opRequest, opResponse, opData, opShutdown, opCreditRequest} {
		g.send(stranger(op), nil)
		if h, _ := g.expect(opReset); h.destinationPort != 7 || h.sourcePort != uint32(op) {
			t.Fatalf("%+v", h)
		}
	}
}

func TestTheGuestNeverGetsMoreThanItHasRoomFor(t *testing.T) {
	p := startGuest(t).connect(10)
	p.clientWrites("0123456789abcdefghijABC")
	for _, want := range []string{"0123456789", "abcdefghij", "ABC"} {
		if got := string(p.collect(len(want))); got != want {
			t.Fatalf("%q came, not %q", got, want)
		}
		p.forwarded += uint32(len(want))
		if len(want) == 10 {
			// It waits, and asks.
			p.expect(opCreditRequest)
			p.send(opCreditUpdate, 0, nil)
		}
	}
}

func TestALongPieceGoesInManyPackets(t *testing.T) {
	p := startGuest(t).connect(guestBuffer)
	sent := make([]byte, 200_000)
	rand.New(rand.NewSource(1)).Read(sent)
	go p.client.Write(sent)
	if !bytes.Equal(p.collect(len(sent)), sent) {
		t.Fatal("something else came")
	}
}

func TestTheGuestHearsWhatTheClientHasTaken(t *testing.T) {
	p := startGuest(t).connect(guestBuffer)
	const total = 4 * bufferSize
	go func() {
		_, _ = io.CopyN(io.Discard, p.client, total)
	}()
	var sent, taken uint32
	piece := make([]byte, 4000)
	for sent < total {
		if sent-taken+uint32(len(piece)) > bufferSize {
			h, _ := p.expect(opCreditUpdate)
			taken = h.forwarded
			continue
		}
		p.send(opData, 0, piece)
		sent += uint32(len(piece))
	}
	p.send(opCreditRequest, 0, nil)
	p.waitFor("an answer", func() bool {
		h, _, found := p.next()
		return found && h.operation == opCreditUpdate && h.forwarded > taken
	})
}

func TestAGuestThatSendsMoreThanWeHoldIsReset(t *testing.T) {
	p := startGuest(t).connect(guestBuffer)
	piece := make([]byte, 4000)
	// The client does not read, and what the kernel holds for it is little.
	for sent := 0; ; sent += len(piece) {
		if sent > 32*bufferSize {
			t.Fatal("all of it was taken")
		}
		p.send(opData, 0, piece)
		if h, _, found := p.next(); found && h.operation == opReset {
			return
		}
	}
}

func TestAClientThatClosesItsHalfStillReads(t *testing.T) {
	p := startGuest(t).connect(guestBuffer)
	p.clientWrites("question")
	if err := p.client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.collect(8)
	if h, _ := p.expect(opShutdown); h.flags != shutdownSend {
		t.Fatalf("flags %d", h.flags)
	}
	p.send(opData, 0, []byte("answer"))
	p.clientReads("answer")
	p.send(opShutdown, shutdownBoth, nil)
	p.expect(opReset)
	p.clientReadsEnd()
}

func TestAClientThatGoesIsToldToTheGuest(t *testing.T) {
	p := startGuest(t).connect(guestBuffer)
	p.client.Close()
	h, _ := p.expect(opShutdown)
	// It may be seen in two steps.
	if h.flags == shutdownSend {
		h, _ = p.expect(opShutdown)
	}
	if h.flags != shutdownBoth {
		t.Fatalf("flags %d", h.flags)
	}
}

func TestAClientThatGoesAfterItHadClosedItsHalfIsToldToo(t *testing.T) {
	p := startGuest(t).connect(guestBuffer)
	if err := p.client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if h, _ := p.expect(opShutdown); h.flags != shutdownSend {
		t.Fatalf("flags %d", h.flags)
	}
	p.client.Close()
	if h, _ := p.expect(opShutdown); h.flags != shutdownBoth {
		t.Fatalf("flags %d", h.flags)
	}
}

func TestAGuestThatClosesItsHalfStillReads(t *testing.T) {
	p := startGuest(t).connect(guestBuffer)
	p.send(opData, 0, []byte("bye"))
	p.send(opShutdown, shutdownSend, nil)
	p.clientReads("bye")
	p.clientReadsEnd()
	p.clientWrites("still there")
	if got := string(p.collect(11)); got != "still there" {
		t.Fatalf("%q", got)
	}
	p.send(opShutdown, shutdownReceive, nil)
	p.expect(opReset)
}

func TestAGuestThatTakesNoMoreBreaksThePipeOfTheClient(t *testing.T) {
	p := startGuest(t).connect(guestBuffer)
	p.send(opShutdown, shutdownReceive, nil)
	p.waitFor("a broken pipe", func() bool {
		_, err := p.client.Write([]byte("x"))
		return errors.Is(err, syscall.EPIPE)
	})
	p.send(opData, 0, []byte("and yet it speaks"))
	p.clientReads("and yet it speaks")
}

func TestWhatCameBeforeAResetIsDelivered(t *testing.T) {
	p := startGuest(t).connect(guestBuffer)
	p.send(opData, 0, []byte("last words"))
	p.send(opReset, 0, nil)
	p.clientReads("last words")
	p.clientReadsEnd()
}

func TestConnectionsDoNotWaitForEachOther(t *testing.T) {
	g := startGuest(t)
	// One has no room, one does not read, and one has come for nothing.
	g.connect(1).clientWrites("no room for this")
	g.expect(opData)
	g.expect(opCreditRequest)
	silent := g.connect(guestBuffer)
	silent.send(opData, 0, make([]byte, 4000))
	g.dial("CONN")
	for i := 0; i < 20; i++ {
		p := g.connect(guestBuffer)
		p.clientWrites("ping")
		p.collect(4)
		p.send(opData, 0, []byte("pong"))
		p.clientReads("pong")
	}
}

func TestForgottenWhenOver(t *testing.T) {
	g := startGuest(t)
	for i := 0; i < 20; i++ {
		p := g.connect(guestBuffer)
		p.send(opShutdown, shutdownBoth, nil)
		p.expect(opReset)
		p.clientReadsEnd()
	}
	g.waitFor("an empty table", func() bool {
		g.device.mu.Lock()
		defer g.device.mu.Unlock()
		return len(g.device.connections) == 0
	})
}

func TestNothingIsLostWhileTheRingIsFull(t *testing.T) {
	g := startGuest(t)
	p := g.connect(guestBuffer)
	const total = 10 * ringSize * pageSize / 4
	sent := make([]byte, total)
	rand.New(rand.NewSource(1)).Read(sent)
	go p.client.Write(sent)
	g.waitFor("a full ring", func() bool { return g.toGuest.waiting() == ringSize })
	if !bytes.Equal(p.collect(total), sent) {
		t.Fatal("something else came")
	}
}
