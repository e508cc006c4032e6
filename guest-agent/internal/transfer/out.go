package transfer

import (
	"errors"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/rootfs"
)

const (
	chunkBytes = 128 << 10
	// Every level holds a descriptor.
	maxDepth = 256
)

// Sender takes the messages of a copy; its error ends the copy.
type Sender func(*pb.CopyFromGuestResponse) error

// Out reads what is at a path, with all below it.
func Out(root *rootfs.Root, request *pb.CopyFromGuestRequest, send Sender) error {
	from := pathOf(request.GetPath(), request.GetPathBytes())
	copying := &reading{send: send, buffer: make([]byte, chunkBytes)}
	fd, stat, err := look(root, from, request.GetFollowLinks())
	if err == nil {
		defer unix.Close(fd)
		err = copying.entry(fd, stat, "", func(flags int) (int, error) {
			if !request.GetFollowLinks() {
				flags |= unix.O_NOFOLLOW
			}
			return root.OpenAt(from, flags)
		}, 0)
	}
	var lost *lostError
	switch {
	case errors.As(err, &lost):
		return lost.error
	case err != nil:
		return send(failure(from, err, false))
	}
	return send(&pb.CopyFromGuestResponse{Response: &pb.CopyFromGuestResponse_End{End: &pb.CopyFromGuestEnd{Final: true}}})
}

// The client has gone: there is nobody to tell.
type lostError struct{ error }

type reading struct {
	send   Sender
	buffer []byte
}

func (r *reading) say(message *pb.CopyFromGuestResponse) error {
	if err := r.send(message); err != nil {
		return &lostError{err}
	}
	return nil
}

// name is relative to the path asked for. open opens the same entry again for reading; it is not trusted to be the same.
func (r *reading) entry(fd int, stat *unix.Stat_t, name string, open func(flags int) (int, error), depth int) error {
	header := &pb.CopyFromGuestHeader{
		Path: text(name), PathBytes: []byte(name), Mode: stat.Mode & permissionBits, Uid: stat.Uid, Gid: stat.Gid,
		Mtime: stat.Mtim.Sec, MtimeNanos: uint32(stat.Mtim.Nsec),
	}
	switch kindOf(stat) {
	case unix.S_IFLNK:
		target, err := rootfs.ReadLink(fd)
		if err != nil {
			return err
		}
		header.IsSymlink, header.LinkTarget, header.LinkTargetBytes = true, text(target), []byte(target)
		return r.whole(header)
	case unix.S_IFREG:
		header.Size = stat.Size
		return r.file(header, open)
	case unix.S_IFDIR:
		header.IsDir = true
		return r.directory(header, name, open, depth)
	}
	return errSpecial
}

var errSpecial = errors.New("is a socket, a FIFO or a device")

func headerMessage(header *pb.CopyFromGuestHeader) *pb.CopyFromGuestResponse {
	return &pb.CopyFromGuestResponse{Response: &pb.CopyFromGuestResponse_Header{Header: header}}
}

func (r *reading) end() error {
	return r.say(&pb.CopyFromGuestResponse{Response: &pb.CopyFromGuestResponse_End{End: &pb.CopyFromGuestEnd{}}})
}

func (r *reading) whole(header *pb.CopyFromGuestHeader) error {
	if err := r.say(headerMessage(header)); err != nil {
		return err
	}
	return r.end()
}

func (r *reading) file(header *pb.CopyFromGuestHeader, open func(flags int) (int, error)) error {
	fd, err := reopen(open, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, unix.S_IFREG)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := r.say(headerMessage(header)); err != nil {
		return err
	}
	for {
		n, err := rootfs.Reader(fd).Read(r.buffer)
		if n > 0 {
			chunk := &pb.CopyFromGuestResponse_Data{Data: r.buffer[:n]}
			if err := r.say(&pb.CopyFromGuestResponse{Response: chunk}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return r.end()
		}
		if err != nil {
			return &halfError{err}
		}
	}
}

// Some of a file was sent: it cannot be left out any more.
type halfError struct{ error }

func (e *halfError) Unwrap() error { return e.error }

func (r *reading) directory(header *pb.CopyFromGuestHeader, name string, open func(flags int) (int, error), depth int) error {
	if depth >= maxDepth {
		return unix.ENAMETOOLONG
	}
	fd, err := reopen(open, unix.O_RDONLY|unix.O_DIRECTORY, unix.S_IFDIR)
	if err != nil {
		return err
	}
	directory := os.NewFile(uintptr(fd), "directory")
	defer directory.Close()
	if err := r.whole(header); err != nil {
		return err
	}
	for {
		children, err := directory.Readdirnames(256)
		for _, child := range children {
			if err := r.child(directory, path.Join(name, child), child, depth); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &halfError{err}
		}
	}
}

func (r *reading) child(directory *os.File, name, child string, depth int) error {
	at := int(directory.Fd())
	open := func(flags int) (int, error) { return unix.Openat(at, child, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) }
	err := func() error {
		fd, err := open(unix.O_PATH)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		var stat unix.Stat_t
		if err := unix.Fstat(fd, &stat); err != nil {
			return err
		}
		return r.entry(fd, &stat, name, open, depth+1)
	}()
	var lost *lostError
	var half *halfError
	switch {
	case errors.As(err, &lost), errors.As(err, &half):
		return err
	// It has gone meanwhile.
	case err == nil, errors.Is(err, unix.ENOENT):
		return nil
	}
	return r.say(failure(name, err, true))
}

func reopen(open func(flags int) (int, error), flags int, kind uint32) (int, error) {
	fd, err := open(flags)
	if err != nil {
		return -1, err
	}
	var stat unix.Stat_t
	err = unix.Fstat(fd, &stat)
	if err == nil && kindOf(&stat) != kind {
		err = errSpecial
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func failure(name string, err error, skipped bool) *pb.CopyFromGuestResponse {
	return &pb.CopyFromGuestResponse{Response: &pb.CopyFromGuestResponse_Error{Error: &pb.CopyFromGuestError{
		Message: text(err.Error()), Path: text(name), Code: codeOf(err), PathBytes: []byte(name), Skipped: skipped,
	}}}
}
