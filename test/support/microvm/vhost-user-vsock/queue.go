package main

import (
	"os"
	"sync"
)

// queue is a ring with its notifications, which the machine configures while others wait for it.
type queue struct {
	mu        sync.Mutex
	memory    memory
	size      uint16
	base      uint16
	addresses *ringAddresses
	enabled   bool
	ring      *ring    // nil until all of the above is known
	kick      *os.File // the driver tells us
	call      *os.File // we tell the driver

	// Holds something when there may be something new in the ring.
	news chan struct{}
}

func newQueue() *queue { return &queue{news: make(chan struct{}, 1)} }

// change changes the configuration.
func (q *queue) change(apply func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ring != nil {
		q.base = q.ring.taken
	}
	apply()
	q.ring = nil
	if q.enabled && q.addresses != nil {
		ring, err := newRing(q.memory, q.size, q.base, *q.addresses)
		if err != nil {
			return err
		}
		q.ring = ring
	}
	q.wake()
	return nil
}

// stop gives the number of the chain that would be taken next.
func (q *queue) stop() (uint16, error) {
	err := q.change(func() { q.enabled = false })
	return q.base, err
}

func (q *queue) setKick(file *os.File) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.kick != nil {
		q.kick.Close()
	}
	q.kick = file
	if file == nil {
		return
	}
	go func() {
		var count [8]byte
		for {
			if _, err := file.Read(count[:]); err != nil {
				return
			}
			q.wake()
		}
	}()
}

func (q *queue) setCall(file *os.File) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.call != nil {
		q.call.Close()
	}
	q.call = file
}

func (q *queue) wake() {
	select {
	case q.news <- struct{}{}:
	default:
	}
}

// use hands the next chain to a function, which gives how many bytes it wrote into it, and returns it to the driver.
// It waits for one. Only one goroutine at a time may call it. A driver that breaks the rules ends the program.
func (q *queue) use(fill func(*chain) (written uint32, err error)) {
	for !q.tryToUse(fill) {
		<-q.news
	}
}

func (q *queue) tryToUse(fill func(*chain) (written uint32, err error)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ring == nil {
		return false
	}
	taken, err := q.ring.take()
	if err != nil {
		fail(err)
	}
	if taken == nil {
		return false
	}
	written, err := fill(taken)
	if err != nil {
		fail(err)
	}
	if q.ring.giveBack(taken, written) && q.call != nil {
		one := [8]byte{1}
		// It fails when the machine has just ended, which we hear elsewhere.
		_, _ = q.call.Write(one[:])
	}
	return true
}
