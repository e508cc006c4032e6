package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Every packet begins with this many bytes (specification, section 5.10.6).
const headerSize = 44

const hostCID = 2

// The only type of socket there is here.
const typeStream = 1

type operation uint16

const (
	opRequest       operation = 1
	opResponse      operation = 2
	opReset         operation = 3
	opShutdown      operation = 4
	opData          operation = 5
	opCreditUpdate  operation = 6
	opCreditRequest operation = 7
)

// Flags of opShutdown: what its sender will do no more.
const (
	shutdownReceive = 1
	shutdownSend    = 2
	shutdownBoth    = shutdownReceive | shutdownSend
)

type header struct {
	sourceCID, destinationCID   uint64
	sourcePort, destinationPort uint32
	length                      uint32
	socketType                  uint16
	operation                   operation
	flags                       uint32
	// How much its sender can hold, and how much in all its reader has taken out of that, modulo 2^32.
	bufferSize, forwarded uint32
}

func decodeHeader(from []byte) header {
	le := binary.LittleEndian
	return header{
		sourceCID:       le.Uint64(from),
		destinationCID:  le.Uint64(from[8:]),
		sourcePort:      le.Uint32(from[16:]),
		destinationPort: le.Uint32(from[20:]),
		length:          le.Uint32(from[24:]),
		socketType:      le.Uint16(from[28:]),
		operation:       operation(le.Uint16(from[30:])),
		flags:           le.Uint32(from[32:]),
		bufferSize:      le.Uint32(from[36:]),
		forwarded:       le.Uint32(from[40:]),
	}
}

func (h header) encode() []byte {
	le := binary.LittleEndian
	into := make([]byte, 0, headerSize)
	into = le.AppendUint64(into, h.sourceCID)
	into = le.AppendUint64(into, h.destinationCID)
	into = le.AppendUint32(into, h.sourcePort)
	into = le.AppendUint32(into, h.destinationPort)
	into = le.AppendUint32(into, h.length)
	into = le.AppendUint16(into, h.socketType)
	into = le.AppendUint16(into, uint16(h.operation))
	into = le.AppendUint32(into, h.flags)
	into = le.AppendUint32(into, h.bufferSize)
	return le.AppendUint32(into, h.forwarded)
}

// readPacket gives the packet that the guest has put into a chain. The payload is a copy: the guest can change what is
// in its memory at any time.
func readPacket(from *chain) (header, []byte, error) {
	if from.writable {
		return header{}, nil, errors.New("the guest sent a packet in a buffer for receiving")
	}
	var bytes []byte
	for _, buffer := range from.buffers {
		bytes = append(bytes, buffer...)
	}
	if len(bytes) < headerSize {
		return header{}, nil, fmt.Errorf("the guest sent a packet of %d bytes", len(bytes))
	}
	h := decodeHeader(bytes)
	payload := bytes[headerSize:]
	if h.operation != opData {
		return h, nil, nil
	}
	if uint64(h.length) > uint64(len(payload)) {
		return header{}, nil, fmt.Errorf("the guest sent %d bytes and announced %d", len(payload), h.length)
	}
	return h, payload[:h.length], nil
}

// writePacket puts a packet into a chain, and as much of the payload as there is room for, and gives how much that was.
func writePacket(into *chain, h header, payload []byte) (taken int, err error) {
	if !into.writable {
		return 0, errors.New("the guest offered a buffer for receiving that cannot be written to")
	}
	room := -headerSize
	for _, buffer := range into.buffers {
		room += len(buffer)
	}
	if room < 0 || (room == 0 && len(payload) > 0) {
		return 0, errors.New("the guest offered a buffer for receiving that holds no packet")
	}
	taken = len(payload)
	if taken > room {
		taken = room
	}
	h.length = uint32(taken)
	packet := append(h.encode(), payload[:taken]...)
	for _, buffer := range into.buffers {
		packet = packet[copy(buffer, packet):]
	}
	return taken, nil
}
