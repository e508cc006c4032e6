package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Of descriptors and of the available ring (specification, sections 2.7.5 and 2.7.6).
const (
	descriptorNext     = 1
	descriptorWritable = 2
	descriptorIndirect = 4
	descriptorSize     = 16

	availableNoInterrupt = 1
)

// ring is a split virtqueue, seen from the device.
type ring struct {
	memory      memory
	size        uint16
	descriptors []byte
	available   []byte
	used        []byte
	// How many chains were taken and given back, modulo 2^16.
	taken, returned uint16
}

// chain is what the driver has put into a ring as one: its buffers in their order.
type chain struct {
	head     uint16
	writable bool
	buffers  [][]byte
}

type ringAddresses struct{ descriptors, available, used uint64 }

func newRing(memory memory, size uint16, base uint16, addresses ringAddresses) (*ring, error) {
	if size == 0 || size&(size-1) != 0 {
		return nil, fmt.Errorf("a ring of %d entries", size)
	}
	r := &ring{memory: memory, size: size, taken: base, returned: base}
	parts := []struct {
		into    *[]byte
		address uint64
		length  uint64
	}{
		{&r.descriptors, addresses.descriptors, descriptorSize * uint64(size)},
		{&r.available, addresses.available, 4 + 2*uint64(size)},
		{&r.used, addresses.used, 4 + 8*uint64(size)},
	}
	for _, part := range parts {
		data, err := memory.atUserAddress(part.address, part.length)
		if err != nil {
			return nil, err
		}
		if uintptr(unsafe.Pointer(&data[0]))%4 != 0 {
			return nil, fmt.Errorf("a part of a ring at the odd address %#x", part.address)
		}
		*part.into = data
	}
	return r, nil
}

// Both rings begin with 16 bits of flags and 16 bits of index. Go has no atomic access to 16 bits, so they are read and
// written as one word (of little end, as all machines are that Debian has user-mode-linux for).
func head(part []byte) *uint32 { return (*uint32)(unsafe.Pointer(&part[0])) }

func (r *ring) availableIndex() uint16 { return uint16(atomic.LoadUint32(head(r.available)) >> 16) }

// take gives the next chain of the driver; nil when there is none.
func (r *ring) take() (*chain, error) {
	if r.availableIndex() == r.taken {
		return nil, nil
	}
	first := binary.LittleEndian.Uint16(r.available[4+2*(r.taken%r.size):])
	r.taken++
	taken := &chain{head: first}
	table, index := r.descriptors, first
	for {
		if uint32(index) >= uint32(len(table)/descriptorSize) {
			return nil, fmt.Errorf("the guest named descriptor %d of %d", index, len(table)/descriptorSize)
		}
		entry := table[int(index)*descriptorSize:]
		address := binary.LittleEndian.Uint64(entry)
		length := binary.LittleEndian.Uint32(entry[8:])
		flags := binary.LittleEndian.Uint16(entry[12:])
		next := binary.LittleEndian.Uint16(entry[14:])
		data, err := r.memory.atGuestAddress(address, uint64(length))
		if err != nil {
			return nil, err
		}
		if flags&descriptorIndirect != 0 {
			if &table[0] != &r.descriptors[0] || len(taken.buffers) > 0 {
				return nil, errors.New("the guest put a table of descriptors where none may be")
			}
			table, index = data, 0
			continue
		}
		writable := flags&descriptorWritable != 0
		if len(taken.buffers) > 0 && writable != taken.writable {
			return nil, errors.New("the guest mixed buffers to read and to write in one packet")
		}
		taken.writable = writable
		taken.buffers = append(taken.buffers, data)
		if flags&descriptorNext == 0 {
			return taken, nil
		}
		if len(taken.buffers) > int(r.size) {
			return nil, errors.New("the guest's descriptors go in a circle")
		}
		index = next
	}
}

// giveBack returns a chain to the driver.
//
// written is how many bytes were put into it. The answer is whether the driver wants to be told.
func (r *ring) giveBack(done *chain, written uint32) (notify bool) {
	entry := r.used[4+8*int(r.returned%r.size):]
	binary.LittleEndian.PutUint32(entry, uint32(done.head))
	binary.LittleEndian.PutUint32(entry[4:], written)
	r.returned++
	// Of the flags we set none: the driver shall tell us of everything.
	atomic.StoreUint32(head(r.used), uint32(r.returned)<<16)
	return atomic.LoadUint32(head(r.available))&availableNoInterrupt == 0
}
