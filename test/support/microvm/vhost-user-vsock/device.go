package main

import "sync"

// Where the ports of our clients begin; below are those that programs choose.
const firstHostPort = 1 << 30

// device is the vsock device: it brings packets to the connections they are for.
type device struct {
	guestCID uint64
	toGuest  *queue
	toHost   *queue
	// Of which there are none. But what the machine gives us for it has to stay open: its end of what we close keeps
	// interrupting it.
	events *queue
	// Closed once the guest has set its queues up.
	running  chan struct{}
	announce sync.Once

	// Only one packet at a time goes to the guest.
	sending sync.Mutex

	mu          sync.Mutex
	nextPort    uint32
	connections map[ports]*connection
}

type ports struct{ host, guest uint32 }

func newDevice(guestCID uint64) *device {
	return &device{
		guestCID:    guestCID,
		toGuest:     newQueue(),
		toHost:      newQueue(),
		events:      newQueue(),
		running:     make(chan struct{}),
		nextPort:    firstHostPort,
		connections: map[ports]*connection{},
	}
}

// add gives the connection a port of its own. It is found from then on.
func (d *device) add(c *connection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.ports.host = d.nextPort
	d.nextPort++
	d.connections[c.ports] = c
}

func (d *device) remove(c *connection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.connections, c.ports)
}

func (d *device) find(wanted ports) *connection {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.connections[wanted]
}

// processGuestPackets never returns.
func (d *device) processGuestPackets() {
	for {
		var h header
		var payload []byte
		d.toHost.use(func(taken *chain) (uint32, error) {
			var err error
			h, payload, err = readPacket(taken)
			return 0, err
		})
		d.receive(h, payload)
	}
}

func (d *device) receive(h header, payload []byte) {
	from := ports{host: h.destinationPort, guest: h.sourcePort}
	addressed := h.sourceCID == d.guestCID && h.destinationCID == hostCID && h.socketType == typeStream
	c := d.find(from)
	if addressed && c != nil {
		c.receive(h, payload)
	} else if h.operation != opReset {
		// Nobody here, or a request: we listen to none.
		d.send(from, opReset, 0, nil, func() credit { return credit{} })
	}
}

// credit is what a packet tells its receiver about what it may send.
type credit struct{ bufferSize, forwarded uint32 }

// send sends a packet, or several where the payload does not fit into one. It waits for room in the guest's ring.
//
// own is asked for each packet when its turn has come, so that what the guest is told never goes backwards.
func (d *device) send(to ports, op operation, flags uint32, payload []byte, own func() credit) {
	d.sending.Lock()
	defer d.sending.Unlock()
	for first := true; first || len(payload) > 0; first = false {
		d.toGuest.use(func(taken *chain) (uint32, error) {
			now := own()
			h := header{
				sourceCID:       hostCID,
				destinationCID:  d.guestCID,
				sourcePort:      to.host,
				destinationPort: to.guest,
				socketType:      typeStream,
				operation:       op,
				flags:           flags,
				bufferSize:      now.bufferSize,
				forwarded:       now.forwarded,
			}
			sent, err := writePacket(taken, h, payload)
			payload = payload[sent:]
			return uint32(headerSize + sent), err
		})
	}
}
