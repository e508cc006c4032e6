package transfer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/rootfs"
)

// Directories get their modes and times last, and their list is in memory: what is above gets its mode at once.
const maxUnsettled = 100_000

// Receiver gives the messages of a copy, and io.EOF after the last.
type Receiver func() (*pb.CopyToGuestRequest, error)

// In writes the entries that come. Its error is that of the connection; whatever happens, no half file is left.
func In(root *rootfs.Root, receive Receiver) (*pb.CopyToGuestResponse, error) {
	writing := &writing{root: root, answer: &pb.CopyToGuestResponse{}, places: map[identity]int{}}
	// Also of a copy that has failed; by then it has said why.
	defer func() { _ = writing.settle() }()
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
	// In the order in which they came, and where each is in it.
	directories []directory
	places      map[identity]int
}

// What is to be set once nothing more comes into it.
type directory struct {
	identity
	path  string
	mode  uint32
	times []unix.Timespec
}

// Of a file, whatever its path leads to meanwhile.
type identity struct{ device, inode uint64 }

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
	if start.GetIsDir() {
		return nil
	}
	if strings.HasSuffix(w.path, "/") {
		return w.notADirectory()
	}
	if start.GetIsSymlink() {
		return nil
	}
	return w.openTemporary()
}

// Why what is no directory cannot be at a path that ends with a slash, as rename(2) has it.
func (w *writing) notADirectory() error {
	fd, err := w.root.OpenAt(w.path, unix.O_PATH|unix.O_DIRECTORY)
	switch {
	case err == nil:
		unix.Close(fd)
		return unix.EISDIR
	case errors.Is(err, unix.ENOENT):
		return unix.ENOTDIR
	}
	return err
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
	mode, err := own(fd, w.start, 0o644)
	if err != nil {
		return err
	}
	if err := unix.Fchmod(fd, mode); err != nil {
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
	mode, err := own(fd, w.start, 0o755)
	if err != nil {
		return err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if w.settleLater(directory{identity: identityOf(&stat), path: w.path, mode: mode, times: times(w.start)}) {
		// So that its owner, who may be us, can write into it.
		mode |= 0o700
	}
	return unix.Fchmod(fd, mode)
}

// Whether it will be settled.
func (w *writing) settleLater(late directory) bool {
	if place, isThere := w.places[late.identity]; isThere {
		w.directories[place] = late
		return true
	}
	if len(w.directories) >= maxUnsettled {
		return false
	}
	w.places[late.identity] = len(w.directories)
	w.directories = append(w.directories, late)
	return true
}

// After the last entry.
func (w *writing) finish() error {
	if w.start != nil {
		return fmt.Errorf("%w: the last entry has not ended", errUsage)
	}
	return w.settle()
}

// What came into a directory has changed its time, and had to be let in by its mode. Those below come first: a directory's
// mode may close the way to them.
func (w *writing) settle() error {
	var failed error
	for _, late := range slices.Backward(w.directories) {
		if err := w.settleOne(late); err != nil {
			w.path = late.path
			failed = err
		}
	}
	w.directories, w.places = nil, nil
	return failed
}

func (w *writing) settleOne(late directory) error {
	fd, err := w.root.OpenAt(late.path, unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		// It has gone meanwhile.
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	// Another one has come into its place: nobody has asked for this mode of that.
	if identityOf(&stat) != late.identity {
		return nil
	}
	if late.times[1].Nsec != unix.UTIME_NOW {
		if err := unix.UtimesNanoAt(fd, ".", late.times, 0); err != nil {
			return err
		}
	}
	if stat.Mode&permissionBits == late.mode {
		return nil
	}
	return unix.Fchmod(fd, late.mode)
}

func identityOf(stat *unix.Stat_t) identity { return identity{stat.Dev, stat.Ino} }

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

// Gives it to its owner, as far as the agent can, and gives the mode that it may have then: setuid and setgid are the rights
// of somebody else where it remains with another owner or group.
func own(fd int, start *pb.CopyToGuestStart, otherwise uint32) (uint32, error) {
	mode := modeOf(start, otherwise)
	err := unix.Fchown(fd, int(start.GetUid()), int(start.GetGid()))
	if err == nil || os.Geteuid() == 0 {
		return mode, err
	}
	return mode &^ (unix.S_ISUID | unix.S_ISGID), nil
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
