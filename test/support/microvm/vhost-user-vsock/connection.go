package main

import (
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"unsafe"
)

const (
	// How much of the guest we hold for a client that does not read.
	bufferSize = 256 * 1024
	// How much is read from a client at once.
	chunkSize = 64 * 1024
)

// connection is between a client at our Unix socket and a port of the guest.
type connection struct {
	device *device
	socket *net.UnixConn
	ports  ports

	// Below are changed together; whoever waits for a change waits here.
	mu      sync.Mutex
	changed *sync.Cond

	established bool
	// The guest has reset the connection, or we have.
	ended bool
	// The guest will send no more, or take no more.
	guestDone, guestDeaf bool

	// What came from the guest and the client has not yet got.
	inbox []byte
	// In all, modulo 2^32: came from the guest, went to the client, and of that the guest knows.
	received, forwarded, advertised uint32

	// In all, modulo 2^32: went to the guest. And what the guest told about itself.
	sent  uint32
	guest credit
}

func newConnection(d *device, socket *net.UnixConn, guestPort uint32) *connection {
	c := &connection{device: d, socket: socket, ports: ports{guest: guestPort}}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// serve connects the client with the guest, and returns when the client has got all and the socket can be closed.
func (c *connection) serve() {
	c.device.add(c)
	c.send(opRequest, 0, nil)
	if !c.answered() {
		return
	}
	if _, err := fmt.Fprintf(c.socket, "OK %d\n", c.ports.host); err != nil {
		c.reset()
		return
	}
	go c.pumpToGuest()
	c.pumpToClient()
}

// answered waits for the guest, and tells whether it took the connection.
func (c *connection) answered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.established && !c.ended {
		c.changed.Wait()
	}
	return c.established
}

// receive takes a packet of the guest.
func (c *connection) receive(h header, payload []byte) {
	c.mu.Lock()
	c.guest = credit{h.bufferSize, h.forwarded}
	wrong := false
	switch h.operation {
	case opResponse:
		wrong = c.established
		c.established = true
	case opData:
		// A guest that sends more than it was allowed to, or after its last word.
		wrong = !c.established || c.guestDone || c.received-c.forwarded+uint32(len(payload)) > bufferSize
		if !wrong {
			c.inbox = append(c.inbox, payload...)
			c.received += uint32(len(payload))
		}
	case opShutdown:
		c.guestDone = c.guestDone || h.flags&shutdownSend != 0
		c.guestDeaf = c.guestDeaf || h.flags&shutdownReceive != 0
	case opReset:
		c.ended = true
	case opCreditUpdate, opCreditRequest:
	default:
		wrong = true
	}
	deaf := c.guestDeaf
	c.changed.Broadcast()
	c.mu.Unlock()

	switch {
	case wrong:
		c.reset()
	case h.operation == opReset:
		c.device.remove(c)
	case h.operation == opCreditRequest:
		c.send(opCreditUpdate, 0, nil)
	case h.operation == opShutdown && deaf:
		// The client gets EPIPE from now on, as the guest's peers do.
		_ = c.socket.CloseRead()
	}
}

// pumpToClient writes to the client what comes from the guest, until there will be no more.
func (c *connection) pumpToClient() {
	for {
		chunk, last := c.takeInbox()
		if len(chunk) > 0 {
			if _, err := c.socket.Write(chunk); err != nil {
				c.reset()
				return
			}
			if c.wentToClient(len(chunk)) {
				c.send(opCreditUpdate, 0, nil)
			}
			continue
		}
		switch last {
		case guestHasEnded:
			return
		case guestHasClosed:
			// It waits for this.
			c.reset()
			return
		case guestSendsNoMore:
			_ = c.socket.CloseWrite()
			if c.closedByGuest() {
				c.reset()
			}
			return
		}
	}
}

type lastWord int

const (
	guestHasEnded lastWord = iota
	guestHasClosed
	guestSendsNoMore
)

// takeInbox waits for something to write; when there will be nothing more, it tells why.
func (c *connection) takeInbox() ([]byte, lastWord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case len(c.inbox) > 0:
			chunk := c.inbox
			c.inbox = nil
			return chunk, guestHasEnded
		case c.ended:
			return nil, guestHasEnded
		case c.guestDone && c.guestDeaf:
			return nil, guestHasClosed
		case c.guestDone:
			return nil, guestSendsNoMore
		}
		c.changed.Wait()
	}
}

// wentToClient tells whether the guest should hear of it now. It hears of it with every packet; without any, it shall
// never believe that less than three quarters of our buffer are free when all are.
func (c *connection) wentToClient(count int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forwarded += uint32(count)
	return !c.ended && c.forwarded-c.advertised >= bufferSize/4
}

// closedByGuest waits until the guest does not take anything more, after it has said that it sends nothing more.
func (c *connection) closedByGuest() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.guestDeaf && !c.ended {
		c.changed.Wait()
	}
	return !c.ended
}

// pumpToGuest sends to the guest what comes from the client, as the guest has room for it.
func (c *connection) pumpToGuest() {
	buffer := make([]byte, chunkSize)
	for {
		room := c.room()
		if room == 0 {
			return
		}
		if room > chunkSize {
			room = chunkSize
		}
		count, err := c.socket.Read(buffer[:room])
		if count > 0 {
			c.send(opData, 0, buffer[:count])
			continue
		}
		if err != io.EOF || !c.takesMore() {
			return
		}
		break
	}
	// A client that has only closed its half still reads. (Firecracker takes both for a farewell.)
	if !hungUp(c.socket) {
		c.send(opShutdown, shutdownSend, nil)
		if waitForHangUp(c.socket) != nil {
			return
		}
	}
	c.send(opShutdown, shutdownBoth, nil)
}

// room waits until the guest has room, and gives how much; 0 when it will never have any again.
func (c *connection) room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := false
	for {
		if c.ended || c.guestDeaf {
			return 0
		}
		// The guest may also have made its buffer smaller than what is on the way.
		if room := int32(c.guest.bufferSize - (c.sent - c.guest.forwarded)); room > 0 {
			return int(room)
		}
		if !asked {
			asked = true
			c.mu.Unlock()
			c.send(opCreditRequest, 0, nil)
			c.mu.Lock()
			continue
		}
		c.changed.Wait()
	}
}

func (c *connection) takesMore() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.ended && !c.guestDeaf
}

// reset ends the connection, also for the guest.
func (c *connection) reset() {
	c.mu.Lock()
	before := c.ended
	c.ended = true
	c.changed.Broadcast()
	c.mu.Unlock()
	if !before {
		c.device.remove(c)
		c.send(opReset, 0, nil)
	}
}

func (c *connection) send(op operation, flags uint32, payload []byte) {
	if len(payload) > 0 {
		c.mu.Lock()
		c.sent += uint32(len(payload))
		c.mu.Unlock()
	}
	c.device.send(c.ports, op, flags, payload, c.credit)
}

func (c *connection) credit() credit {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advertised = c.forwarded
	return credit{bufferSize: bufferSize, forwarded: c.forwarded}
}

func hungUp(socket *net.UnixConn) bool {
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	gone := true
	_ = raw.Control(func(descriptor uintptr) { gone = hasHangUp(descriptor) })
	return gone
}

// waitForHangUp waits until the client has closed its other half too. An error when the socket was closed by us.
func waitForHangUp(socket *net.UnixConn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(hasHangUp)
}

func hasHangUp(descriptor uintptr) bool {
	const pollHup = 0x10
	// Asked for nothing, poll(2) tells only of the end.
	polled := struct {
		descriptor      int32
		events, revents int16
	}{descriptor: int32(descriptor)}
	var now syscall.Timespec
	_, _, _ = syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&polled)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return polled.revents&pollHup != 0
}
