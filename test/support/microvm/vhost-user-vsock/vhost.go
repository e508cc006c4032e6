package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// Requests of vhost-user, by their names there.
const (
	getFeatures         = 1
	setFeatures         = 2
	setOwner            = 3
	setMemTable         = 5
	setVringNum         = 8
	setVringAddr        = 9
	setVringBase        = 10
	getVringBase        = 11
	setVringKick        = 12
	setVringCall        = 13
	setVringErr         = 14
	getProtocolFeatures = 15
	setProtocolFeatures = 16
	setVringEnable      = 18
	setBackendReqFd     = 21
	getConfig           = 24
)

const (
	messageHeaderSize = 12
	// More than any request of ours is long.
	maxMessage = 4096
	// As the protocol allows.
	maxDescriptors = 8

	protocolVersion = 0x1
	flagReply       = 0x4
	flagNeedReply   = 0x8
)

const (
	featureVersion1         = 1 << 32
	featureIndirect         = 1 << 28
	featureProtocolFeatures = 1 << 30

	protocolReplyAck = 1 << 3
	// User-mode Linux 6.1 gives up (-EBUSY) on a device without a channel for requests of its own.
	protocolBackendRequests = 1 << 5
	protocolConfig          = 1 << 9
)

// In the file descriptor requests, next to the number of the queue.
const noDescriptor = 0x100

// backend answers the machine's requests about the device.
type backend struct {
	machine *net.UnixConn
	device  *device
	// For requests of ours, of which there are none; but a machine that sees it closed takes the device away.
	requests *os.File
}

type request struct {
	number, flags uint32
	payload       []byte
	files         []*os.File
}

// serve returns io.EOF when the machine has ended.
func (b *backend) serve() error {
	for {
		r, err := b.read()
		if err != nil {
			return err
		}
		answer, err := b.handle(r)
		for _, file := range r.files {
			if file != nil {
				file.Close()
			}
		}
		if err != nil {
			return fmt.Errorf("request %d of the machine: %w", r.number, err)
		}
		if answer == nil && r.flags&flagNeedReply != 0 {
			answer = make([]byte, 8)
		}
		if answer != nil {
			if err := b.reply(r.number, answer); err != nil {
				return err
			}
		}
	}
}

func (b *backend) read() (*request, error) {
	start := make([]byte, messageHeaderSize)
	rights := make([]byte, syscall.CmsgSpace(4*maxDescriptors))
	count, rightsCount, _, _, err := b.machine.ReadMsgUnix(start, rights)
	if err == nil && count == 0 {
		err = io.EOF
	}
	if errors.Is(err, syscall.ECONNRESET) {
		err = io.EOF // It was killed with an answer of ours unread.
	}
	if err != nil {
		return nil, err
	}
	files, err := filesOf(rights[:rightsCount])
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(b.machine, start[count:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(start[8:])
	if size > maxMessage {
		return nil, fmt.Errorf("a request of %d bytes", size)
	}
	r := &request{
		number:  binary.LittleEndian.Uint32(start),
		flags:   binary.LittleEndian.Uint32(start[4:]),
		payload: make([]byte, size),
		files:   files,
	}
	_, err = io.ReadFull(b.machine, r.payload)
	return r, err
}

func filesOf(rights []byte) ([]*os.File, error) {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range messages {
		descriptors, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		for _, descriptor := range descriptors {
			// So that Go can wait for it.
			if err := syscall.SetNonblock(descriptor, true); err != nil {
				return nil, err
			}
			files = append(files, os.NewFile(uintptr(descriptor), "from the machine"))
		}
	}
	return files, nil
}

func (b *backend) reply(number uint32, payload []byte) error {
	message := binary.LittleEndian.AppendUint32(nil, number)
	message = binary.LittleEndian.AppendUint32(message, protocolVersion|flagReply)
	message = binary.LittleEndian.AppendUint32(message, uint32(len(payload)))
	_, err := b.machine.Write(append(message, payload...))
	return err
}

// handle does what a request wants; its answer is nil for one that wants none.
func (b *backend) handle(r *request) ([]byte, error) {
	switch r.number {
	case getFeatures:
		return number(featureVersion1 | featureIndirect | featureProtocolFeatures), nil
	case getProtocolFeatures:
		return number(protocolReplyAck | protocolBackendRequests | protocolConfig), nil
	case setOwner, setFeatures, setProtocolFeatures, setVringErr:
		// All that we offered is as we do it anyhow.
		return nil, nil
	case setBackendReqFd:
		b.requests = r.takeFile()
		return nil, nil
	case setMemTable:
		return nil, b.setMemory(r)
	case getConfig:
		return b.config(r.payload)
	case setVringNum, setVringAddr, setVringBase, getVringBase, setVringKick, setVringCall, setVringEnable:
		if len(r.payload) < 8 {
			return nil, io.ErrUnexpectedEOF
		}
		return b.handleRing(r)
	default:
		return nil, errors.New("unknown")
	}
}

func (b *backend) handleRing(r *request) ([]byte, error) {
	le := binary.LittleEndian
	index, value := le.Uint32(r.payload), le.Uint32(r.payload[4:])
	q, err := b.queue(index &^ noDescriptor)
	if err != nil {
		return nil, err
	}
	switch r.number {
	case setVringNum:
		return nil, q.change(func() { q.size = uint16(value) })
	case setVringBase:
		return nil, q.change(func() { q.base = uint16(value) })
	case setVringAddr:
		if len(r.payload) < 40 {
			return nil, io.ErrUnexpectedEOF
		}
		at := ringAddresses{
			descriptors: le.Uint64(r.payload[8:]),
			used:        le.Uint64(r.payload[16:]),
			available:   le.Uint64(r.payload[24:]),
		}
		return nil, q.change(func() { q.addresses = &at })
	case getVringBase:
		base, err := q.stop()
		return le.AppendUint32(le.AppendUint32(nil, index), uint32(base)), err
	case setVringKick:
		q.setKick(r.takeFile())
		return nil, nil
	case setVringCall:
		q.setCall(r.takeFile())
		return nil, nil
	default: // setVringEnable
		err := q.change(func() { q.enabled = value != 0 })
		if q == b.device.toGuest && value != 0 {
			b.device.announce.Do(func() { close(b.device.running) })
		}
		return nil, err
	}
}

// queue gives a queue of the device by its number.
func (b *backend) queue(index uint32) (*queue, error) {
	switch index {
	case 0:
		return b.device.toGuest, nil
	case 1:
		return b.device.toHost, nil
	case 2:
		return b.device.events, nil
	default:
		return nil, fmt.Errorf("there is no queue %d", index)
	}
}

// takeFile gives the file that came with a request, which then is not closed with it; nil when there is none.
func (r *request) takeFile() *os.File {
	if len(r.files) == 0 {
		return nil
	}
	file := r.files[0]
	r.files[0] = nil
	return file
}

func (b *backend) setMemory(r *request) error {
	le := binary.LittleEndian
	if len(r.payload) < 8 {
		return io.ErrUnexpectedEOF
	}
	count := int(le.Uint32(r.payload))
	if count > len(r.files) || len(r.payload) < 8+32*count {
		return fmt.Errorf("%d regions of memory in %d bytes with %d files", count, len(r.payload), len(r.files))
	}
	var shared memory
	for i := 0; i < count; i++ {
		entry := r.payload[8+32*i:]
		guest, size, user, offset := le.Uint64(entry), le.Uint64(entry[8:]), le.Uint64(entry[16:]), le.Uint64(entry[24:])
		mapped, err := mapRegion(r.files[i], guest, user, size, offset)
		if err != nil {
			return err
		}
		shared = append(shared, mapped)
	}
	for _, q := range []*queue{b.device.toGuest, b.device.toHost, b.device.events} {
		if err := q.change(func() { q.memory = shared }); err != nil {
			return err
		}
	}
	return nil
}

// config gives a piece of the device's configuration space: all there is is the guest's address.
func (b *backend) config(payload []byte) ([]byte, error) {
	le := binary.LittleEndian
	if len(payload) < 12 {
		return nil, io.ErrUnexpectedEOF
	}
	offset, size := uint64(le.Uint32(payload)), uint64(le.Uint32(payload[4:]))
	space := number(b.device.guestCID)
	if offset+size > uint64(len(space)) {
		return nil, fmt.Errorf("the machine wants %d bytes at %d of a configuration of %d", size, offset, len(space))
	}
	return append(payload[:12:12], space[offset:][:size]...), nil
}

func number(value uint64) []byte { return binary.LittleEndian.AppendUint64(nil, value) }
