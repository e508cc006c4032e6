// Package service is the agent's gRPC server: both published paths of Exec, copying, and what is ours.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"proxmox-lxcri/guest-agent/internal/launch"
	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/rootfs"
	"proxmox-lxcri/guest-agent/internal/session"
	"proxmox-lxcri/guest-agent/internal/transfer"
)

const (
	agentName = "proxmox-lxcri-guest-agent"
	// The highest `protocol` of an ExecStart that we know.
	protocol = 1
	// A command line and environment as large as the kernel takes (2 MiB, with its default stack) fit in.
	maxMessageBytes = 4 << 20
	maxHeaderBytes  = 64 << 10
	// What may be on its way to us, of one stream and of a connection.
	streamWindow     = 1 << 20
	connectionWindow = 8 << 20
	// Beside sessions: copies, Control, Hello.
	streamsBesideSessions = 64
	maxCopies             = 16
	maxConnections        = 128
	// Each may hold a thread.
	maxStuck = 128
	// So long a copy or a look at a file may take to see that its client has gone.
	lostDeadline = time.Second

	// A peer that is silent for so long is asked whether it lives, and has then so long to answer: a host may be busy, and a
	// client may be stopped for a moment.
	pingAfter   = 20 * time.Second
	pingTimeout = 40 * time.Second
	// A client may ask as often as this.
	clientPings      = 5 * time.Second
	handshakeTimeout = 20 * time.Second
)

// Options are what the agent was told.
type Options struct {
	Version  string
	Sessions *session.Manager
	// Root is a directory, or rootfs.Auto.
	Root         string
	MaxSessions  int
	Capabilities []string
	Log          *slog.Logger
}

type handlers struct {
	Options
	copies atomic.Int32
	// Copies and looks without a client that have not come back from a file.
	stuck atomic.Int32
}

// New makes a server; it takes listeners as any gRPC server does.
func New(options Options) *grpc.Server {
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.MaxConcurrentStreams(uint32(options.MaxSessions+streamsBesideSessions)),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.ReadBufferSize(64<<10),
		grpc.WriteBufferSize(64<<10),
		grpc.SharedWriteBuffer(true),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: clientPings, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(options.recoverUnary),
		grpc.StreamInterceptor(options.recoverStream),
	)
	served := &handlers{Options: options}
	exec := grpc.StreamDesc{StreamName: "Exec", Handler: handle((*handlers).exec), ServerStreams: true, ClientStreams: true}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "exec.ExecService", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{exec},
	}, served)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "guest.GuestService", HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{
			exec,
			{StreamName: "CopyToGuest", Handler: handle((*handlers).copyIn), ClientStreams: true},
			{StreamName: "CopyFromGuest", Handler: handle((*handlers).copyOut), ServerStreams: true},
		},
		Methods: []grpc.MethodDesc{
			unary("StatPath", (*handlers).stat), unary("Hello", (*handlers).hello), unary("Control", (*handlers).control),
		},
	}, served)
	return server
}

func handle[Request, Response any](
	method func(*handlers, *grpc.GenericServerStream[Request, Response]) error,
) grpc.StreamHandler {
	return func(served any, stream grpc.ServerStream) error {
		return method(served.(*handlers), &grpc.GenericServerStream[Request, Response]{ServerStream: stream})
	}
}

func unary[Request, Response any](
	name string, method func(*handlers, context.Context, *Request) (*Response, error),
) grpc.MethodDesc {
	call := func(served any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		request := new(Request)
		if err := decode(request); err != nil {
			return nil, err
		}
		info := &grpc.UnaryServerInfo{Server: served, FullMethod: "/guest.GuestService/" + name}
		return intercept(ctx, request, info, func(ctx context.Context, request any) (any, error) {
			return method(served.(*handlers), ctx, request.(*Request))
		})
	}
	return grpc.MethodDesc{MethodName: name, Handler: call}
}

// A mistake of ours ends one call, and not those of everybody.
func (o Options) recovered(method string, err *error) {
	if fault := recover(); fault != nil {
		o.Log.Error("the agent has failed", "method", method, "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "the agent has failed; its log tells where")
	}
}

func (o Options) recoverUnary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
	defer o.recovered(info.FullMethod, &err)
	return next(ctx, request)
}

func (o Options) recoverStream(served any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer o.recovered(info.FullMethod, &err)
	return next(served, stream)
}

func (h *handlers) exec(stream *grpc.GenericServerStream[pb.ExecRequest, pb.ExecResponse]) error {
	return h.Sessions.Run(stream)
}

func (h *handlers) control(_ context.Context, request *pb.ControlRequest) (*pb.ControlResponse, error) {
	left, err := h.Sessions.Control(request)
	if err != nil {
		return nil, err
	}
	return &pb.ControlResponse{Left: uint32(left)}, nil
}

func (h *handlers) hello(context.Context, *pb.HelloRequest) (*pb.HelloResponse, error) {
	capabilities := h.Capabilities
	if launch.CanSetUser() {
		capabilities = append([]string{"user", "rlimits"}, capabilities...)
	}
	return &pb.HelloResponse{
		Agent: agentName, Version: h.Version, Protocol: protocol, Capabilities: capabilities, Root: rootfs.Path(h.Root),
		Pid: int32(os.Getpid()), MaxSessions: uint32(h.MaxSessions), MaxMessageBytes: maxMessageBytes,
	}, nil
}

func (h *handlers) stat(ctx context.Context, request *pb.StatPathRequest) (*pb.StatPathResponse, error) {
	answer := make(chan *pb.StatPathResponse, 1)
	err := h.unlessGone(ctx, "StatPath", func(root *rootfs.Root, _ *presence) error {
		answer <- transfer.Stat(root, request)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return <-answer, nil
}

func (h *handlers) copyIn(stream *grpc.GenericServerStream[pb.CopyToGuestRequest, pb.CopyToGuestResponse]) error {
	return h.copying(stream, "CopyToGuest", func(root *rootfs.Root, client *presence) error {
		answer, err := transfer.In(root, func() (message *pb.CopyToGuestRequest, err error) {
			err = client.whileThere(func() (err error) {
				message, err = stream.Recv()
				return err
			})
			return message, err
		})
		if err != nil {
			return err
		}
		h.Log.Info("copy in", "entries", answer.GetEntries(), "bytes", answer.GetBytesWritten(), "error", answer.GetErrorCode())
		return client.whileThere(func() error { return stream.SendAndClose(answer) })
	})
}

func (h *handlers) copyOut(stream *grpc.GenericServerStream[pb.CopyFromGuestRequest, pb.CopyFromGuestResponse]) error {
	request := new(pb.CopyFromGuestRequest)
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	return h.copying(stream, "CopyFromGuest", func(root *rootfs.Root, client *presence) error {
		entries := 0
		return transfer.Out(root, request, func(message *pb.CopyFromGuestResponse) error {
			switch {
			case message.GetHeader() != nil:
				entries++
			case message.GetEnd().GetFinal():
				h.Log.Info("copy out", "entries", entries)
			}
			return client.whileThere(func() error { return stream.Send(message) })
		})
	})
}

func (h *handlers) copying(stream grpc.ServerStream, method string, act func(*rootfs.Root, *presence) error) error {
	defer h.copies.Add(-1)
	if h.copies.Add(1) > maxCopies {
		return status.Errorf(codes.ResourceExhausted, "%d copies are running, which is the limit", maxCopies)
	}
	return h.unlessGone(stream.Context(), method, act)
}

// A file may keep whoever opens or reads it waiting for ever: that of a server that is gone, for one. So who does has a
// goroutine of its own, which is left to itself when its client has gone.
func (h *handlers) unlessGone(ctx context.Context, method string, act func(*rootfs.Root, *presence) error) error {
	if stuck := h.stuck.Load(); stuck >= maxStuck {
		return status.Errorf(codes.ResourceExhausted, "%d calls that were given up still wait for files of the guest", stuck)
	}
	client := &presence{}
	done := make(chan error, 1)
	go func() {
		done <- h.inRoot(method, client, act)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	client.leave()
	lost := status.FromContextError(ctx.Err()).Err()
	select {
	case <-done:
		return lost
	case <-time.After(lostDeadline):
	}
	h.Log.Warn("a call is given up: its client has gone, and it waits for a file", "method", method, "waiting", h.stuck.Add(1))
	go func() {
		<-done
		h.stuck.Add(-1)
	}()
	return lost
}

func (h *handlers) inRoot(method string, client *presence, act func(*rootfs.Root, *presence) error) (err error) {
	defer h.recovered(method, &err)
	root, err := h.openRoot()
	if err != nil {
		return err
	}
	defer root.Close()
	return act(root, client)
}

// Whether a client is there: the stream of a call is not to be used once the call is over.
type presence struct {
	lock sync.Mutex
	gone bool
}

func (p *presence) whileThere(act func() error) error {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.gone {
		return context.Canceled
	}
	return act()
}

// What uses the stream at this moment fails soon: the stream's context is done.
func (p *presence) leave() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.gone = true
}

func (h *handlers) openRoot() (*rootfs.Root, error) {
	root, err := rootfs.Open(rootfs.Path(h.Root))
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, "the root directory cannot be opened: "+err.Error())
	}
	return root, nil
}

// Limit closes connections above the agent's limit as they come.
func Limit(listener net.Listener, log *slog.Logger) net.Listener {
	return &limited{Listener: listener, log: log}
}

type limited struct {
	net.Listener
	log  *slog.Logger
	open atomic.Int32
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		connection, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= maxConnections {
			return &counted{Conn: connection, open: &l.open}, nil
		}
		l.open.Add(-1)
		l.log.Warn("refused a connection: no more may be open", "limit", maxConnections)
		connection.Close()
	}
}

type counted struct {
	net.Conn
	open   *atomic.Int32
	closed atomic.Bool
}

func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}
