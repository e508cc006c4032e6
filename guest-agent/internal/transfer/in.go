package transfer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/rootfs"
)

// Directories get their times last, and their list is in memory.
const maxTimedDirectories = 100_000

// Receiver gives the messages of a copy, and io.EOF after the last.
type Receiver func() (*pb.CopyToGuestRequest, error)

// In writes the entries that come. Its error is that of the connection; whatever happens, no half file is left.
func In(root *rootfs.Root, receive Receiver) (*pb.CopyToGuestResponse, error) {
	writing := &writing{root: root, answer: &pb.CopyToGuestResponse{}}
	defer writing.discard()
	for {
		message, err := receive()
		if errors.Is(err, io.EOF) {
			return writing.result(writing.finish()), nil
		}
		if err != nil {
			return nil, err
		}
		if err := writing.take(message); err != nil {
			return writing.result(err), nil
		}
	}
}

type writing struct {
	root   *rootfs.Root
	answer *pb.CopyToGuestResponse
	path   string
	// The entry that is being written; nil between entries.
	start *pb.CopyToGuestStart
	// Its directory, open with O_PATH, and its last name.
	parent int
	name   string
	// What was written so far of a file, under another name.
	file      *os.File
	temporary string
	// In the order in which they came.
	directories []timedDirectory
}

type timedDirectory struct {
	path string
	time unix.Timespec
}

func (w *writing) result(err error) *pb.CopyToGuestResponse {
	if err == nil {
		w.answer.Success = true
		return w.answer
	}
	w.answer.Error, w.answer.ErrorCode, w.answer.ErrorPath = text(err.Error()), codeOf(err), []byte(w.path)
	return w.answer
}

func (w *writing) take(message *pb.CopyToGuestRequest) error {
	switch part := message.GetRequest().(type) {
	case *pb.CopyToGuestRequest_Start:
		if w.start != nil {
			return fmt.Errorf("%w: an entry starts before the one before it has ended", errUsage)
		}
		return w.begin(part.Start)
	case *pb.CopyToGuestRequest_Data:
		if w.file == nil {
			return fmt.Errorf("%w: data without a file", errUsage)
		}
		n, err := w.file.Write(part.Data)
		w.answer.BytesWritten += int64(n)
		return err
	case *pb.CopyToGuestRequest_End:
		if w.start == nil {
			return fmt.Errorf("%w: an end without a start", errUsage)
		}
		return w.end()
	}
	return fmt.Errorf("%w: this agent knows no such part of a copy", errUsage)
}

func (w *writing) begin(start *pb.CopyToGuestStart) (err error) {
	w.path = pathOf(start.GetPath(), start.GetPathBytes())
	above, name := rootfs.Split(w.path)
	if strings.IndexByte(w.path, 0) >= 0 || start.GetIsDir() && start.GetIsSymlink() {
		return fmt.Errorf("%w: no entry can be like that", errUsage)
	}
	if name == "" || name == "." || name == ".." {
		if start.GetIsDir() {
			// It is there, whatever is asked of it.
			w.start, w.name = start, ""
			return nil
		}
		return fmt.Errorf("%w: the path names no file", errUsage)
	}
	if w.parent, err = w.root.OpenDirectory(above, 0o755); err != nil {
		return err
	}
	w.start, w.name = start, name
	if start.GetIsDir() || start.GetIsSymlink() {
		return nil
	}
	return w.openTemporary()
}

// Beside the file that it will be, so that a rename puts it there.
func (w *writing) openTemporary() error {
	var random [8]byte
	_, _ = rand.Read(random[:])
	w.temporary = fmt.Sprintf(".lxcri-%x", random)
	fd, err := unix.Openat(w.parent, w.temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		w.temporary = ""
		return err
	}
	w.file = os.NewFile(uintptr(fd), "file")
	return nil
}

func (w *writing) end() error {
	defer w.discard()
	start := w.start
	var err error
	switch {
	case start.GetIsDir():
		err = w.endDirectory()
	case start.GetIsSymlink():
		err = w.endLink()
	default:
		err = w.endFile()
	}
	if err == nil {
		w.answer.Entries++
	}
	return err
}

func (w *writing) endFile() error {
	fd := int(w.file.Fd())
	if err := own(fd, w.start); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, modeOf(w.start, 0o644)); err != nil {
		return err
	}
	if err := unix.UtimesNanoAt(w.parent, w.temporary, times(w.start), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if err := unix.Renameat(w.parent, w.temporary, w.parent, w.name); err != nil {
		return err
	}
	w.temporary = ""
	return nil
}

func (w *writing) endLink() error {
	target := string(w.start.GetLinkTarget())
	if target == "" || strings.IndexByte(target, 0) >= 0 {
		return fmt.Errorf("%w: a link needs a target", errUsage)
	}
	var random [8]byte
	_, _ = rand.Read(random[:])
	temporary := fmt.Sprintf(".lxcri-%x", random)
	if err := unix.Symlinkat(target, w.parent, temporary); err != nil {
		return err
	}
	w.temporary = temporary
	if os.Geteuid() == 0 {
		owner, group := int(w.start.GetUid()), int(w.start.GetGid())
		if err := unix.Fchownat(w.parent, temporary, owner, group, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	if err := unix.UtimesNanoAt(w.parent, temporary, times(w.start), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if err := unix.Renameat(w.parent, temporary, w.parent, w.name); err != nil {
		return err
	}
	w.temporary = ""
	return nil
}

// One that is there keeps what is in it.
func (w *writing) endDirectory() error {
	if w.name != "" {
		if err := unix.Mkdirat(w.parent, w.name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	fd, err := w.root.OpenAt(w.path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// The root directory itself stays as it is.
	if w.name == "" {
		return nil
	}
	if err := own(fd, w.start); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, modeOf(w.start, 0o755)); err != nil {
		return err
	}
	if w.start.GetMtime() != 0 && len(w.directories) < maxTimedDirectories {
		w.directories = append(w.directories, timedDirectory{path: w.path, time: times(w.start)[1]})
	}
	return nil
}

// After the last entry: what came into a directory has changed its time.
func (w *writing) finish() error {
	if w.start != nil {
		return fmt.Errorf("%w: the last entry has not ended", errUsage)
	}
	for _, directory := range w.directories {
		fd, err := w.root.OpenAt(directory.path, unix.O_RDONLY|unix.O_DIRECTORY)
		if err != nil {
			continue
		}
		_ = unix.UtimesNanoAt(fd, ".", []unix.Timespec{directory.time, directory.time}, 0)
		unix.Close(fd)
	}
	return nil
}

// Forgets the entry at hand, and removes what is there of it.
func (w *writing) discard() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
	if w.temporary != "" {
		_ = unix.Unlinkat(w.parent, w.temporary, 0)
		w.temporary = ""
	}
	if w.start != nil && w.name != "" {
		unix.Close(w.parent)
	}
	w.start = nil
}

func own(fd int, start *pb.CopyToGuestStart) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return unix.Fchown(fd, int(start.GetUid()), int(start.GetGid()))
}

func modeOf(start *pb.CopyToGuestStart, otherwise uint32) uint32 {
	if start.GetMode() == 0 {
		return otherwise
	}
	return start.GetMode() & permissionBits
}

func times(start *pb.CopyToGuestStart) []unix.Timespec {
	of := unix.Timespec{Sec: start.GetMtime(), Nsec: int64(start.GetMtimeNanos() % 1_000_000_000)}
	if of.Sec == 0 {
		of.Nsec = unix.UTIME_NOW
	}
	return []unix.Timespec{of, of}
}
