package transfer

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/rootfs"
)

// Stat tells what is at a path.
func Stat(root *rootfs.Root, request *pb.StatPathRequest) *pb.StatPathResponse {
	fd, stat, err := look(root, pathOf(request.GetPath(), request.GetPathBytes()), request.GetFollowLinks())
	if errors.Is(err, unix.ENOENT) {
		return &pb.StatPathResponse{}
	}
	if err != nil {
		return &pb.StatPathResponse{Error: err.Error(), ErrorCode: codeOf(err)}
	}
	defer unix.Close(fd)
	answer := &pb.StatPathResponse{
		Exists: true, IsDir: kindOf(stat) == unix.S_IFDIR, IsFile: kindOf(stat) == unix.S_IFREG,
		IsSymlink: kindOf(stat) == unix.S_IFLNK, Mode: stat.Mode & permissionBits, Size: stat.Size,
		Mtime: stat.Mtim.Sec, MtimeNanos: uint32(stat.Mtim.Nsec), Uid: stat.Uid, Gid: stat.Gid,
	}
	if answer.IsSymlink {
		target, err := rootfs.ReadLink(fd)
		if err != nil {
			return &pb.StatPathResponse{Error: err.Error(), ErrorCode: codeOf(err)}
		}
		answer.LinkTarget, answer.LinkTargetBytes = text(target), []byte(target)
	}
	return answer
}

// Opens what is there without touching it.
func look(root *rootfs.Root, path string, follow bool) (int, *unix.Stat_t, error) {
	flags := unix.O_PATH
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := root.OpenAt(path, flags)
	if err != nil {
		return -1, nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		unix.Close(fd)
		return -1, nil, err
	}
	return fd, &stat, nil
}

func kindOf(stat *unix.Stat_t) uint32 { return stat.Mode & unix.S_IFMT }

func text(bytes string) string { return strings.ToValidUTF8(bytes, "\uFFFD") }
