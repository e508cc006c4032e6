package main

import (
	"fmt"
	"os"
	"syscall"
)

// region is a piece of the machine's memory that it shares with us.
type region struct {
	guestAddress uint64 // where the guest sees it
	userAddress  uint64 // where the machine's own process sees it
	data         []byte
}

// memory is all that the machine shares. It never changes; a new table of regions is a new memory. Mappings are never
// taken back, as a packet may be on its way through them; a machine sends few tables in its life.
type memory []region

// mapRegion maps a region from the file that the machine has sent. The file may be closed afterwards.
func mapRegion(file *os.File, guestAddress, userAddress, size, offset uint64) (region, error) {
	mapping, err := syscall.Mmap(int(file.Fd()), 0, int(offset+size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return region{}, fmt.Errorf("cannot map the machine's memory: %w", err)
	}
	return region{guestAddress: guestAddress, userAddress: userAddress, data: mapping[offset:]}, nil
}

// atGuestAddress gives what the guest sees at an address.
func (m memory) atGuestAddress(address, length uint64) ([]byte, error) {
	for _, each := range m {
		if data, found := each.slice(each.guestAddress, address, length); found {
			return data, nil
		}
	}
	return nil, fmt.Errorf("the guest named %d bytes at %#x, which is not in its memory", length, address)
}

// atUserAddress gives what the machine's own process sees at an address.
func (m memory) atUserAddress(address, length uint64) ([]byte, error) {
	for _, each := range m {
		if data, found := each.slice(each.userAddress, address, length); found {
			return data, nil
		}
	}
	return nil, fmt.Errorf("the machine named %d bytes at %#x, which it does not share", length, address)
}

func (r region) slice(start, address, length uint64) ([]byte, bool) {
	size := uint64(len(r.data))
	// In this order nothing can overflow.
	if address < start || address-start > size || length > size-(address-start) {
		return nil, false
	}
	return r.data[address-start:][:length:length], true
}
