package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"proxmox-lxcri/guest-agent/internal/client"
	"proxmox-lxcri/guest-agent/internal/pb"
)

type copyIn = grpc.GenericClientStream[pb.CopyToGuestRequest, pb.CopyToGuestResponse]

func openCopyIn(t *testing.T, ctx context.Context, agent *agent) *copyIn {
	t.Helper()
	stream, err := agent.NewStream(ctx, &grpc.StreamDesc{StreamName: "CopyToGuest", ClientStreams: true}, client.GuestService+"CopyToGuest")
	must(t, err)
	return &copyIn{ClientStream: stream}
}

func startOf(start *pb.CopyToGuestStart) *pb.CopyToGuestRequest {
	return &pb.CopyToGuestRequest{Request: &pb.CopyToGuestRequest_Start{Start: start}}
}

func dataOf(text string) *pb.CopyToGuestRequest {
	return &pb.CopyToGuestRequest{Request: &pb.CopyToGuestRequest_Data{Data: []byte(text)}}
}

var endOfEntry = &pb.CopyToGuestRequest{Request: &pb.CopyToGuestRequest_End{End: &pb.CopyToGuestEnd{}}}

func send(t *testing.T, agent *agent, messages ...*pb.CopyToGuestRequest) *pb.CopyToGuestResponse {
	t.Helper()
	stream := openCopyIn(t, patiently(t), agent)
	for _, message := range messages {
		// An agent that has refused takes no more; its answer says so.
		if stream.Send(message) != nil {
			break
		}
	}
	answer, err := stream.CloseAndRecv()
	must(t, err)
	return answer
}

func receive(t *testing.T, agent *agent, request *pb.CopyFromGuestRequest) []*pb.CopyFromGuestResponse {
	t.Helper()
	stream, err := agent.NewStream(patiently(t), &grpc.StreamDesc{StreamName: "CopyFromGuest", ServerStreams: true}, client.GuestService+"CopyFromGuest")
	must(t, err)
	copy := &grpc.GenericClientStream[pb.CopyFromGuestRequest, pb.CopyFromGuestResponse]{ClientStream: stream}
	must(t, copy.Send(request))
	must(t, copy.CloseSend())
	var messages []*pb.CopyFromGuestResponse
	for {
		message, err := copy.Recv()
		if errors.Is(err, io.EOF) {
			return messages
		}
		must(t, err)
		messages = append(messages, message)
	}
}

// What came, an entry a line.
func listing(messages []*pb.CopyFromGuestResponse) []string {
	var lines []string
	size := 0
	for _, message := range messages {
		switch part := message.GetResponse().(type) {
		case *pb.CopyFromGuestResponse_Header:
			kind := "file"
			if part.Header.GetIsDir() {
				kind = "directory"
			} else if part.Header.GetIsSymlink() {
				kind = "link to " + string(part.Header.GetLinkTargetBytes())
			}
			lines = append(lines, fmt.Sprintf("%q %s %o %d", part.Header.GetPathBytes(), kind, part.Header.GetMode(), part.Header.GetMtime()))
			size = 0
		case *pb.CopyFromGuestResponse_Data:
			size += len(part.Data)
		case *pb.CopyFromGuestResponse_End:
			if part.End.GetFinal() {
				lines = append(lines, "final")
			} else if size > 0 {
				lines[len(lines)-1] += fmt.Sprintf(" %d", size)
			}
		case *pb.CopyFromGuestResponse_Error:
			lines = append(lines, fmt.Sprintf("%q %s skipped=%v", part.Error.GetPathBytes(), part.Error.GetCode(), part.Error.GetSkipped()))
		}
	}
	return lines
}

func TestCopyInAndOut(t *testing.T) {
	root := t.TempDir()
	agent := startAgent(t, setup{root: root})
	content := strings.Repeat("0123456789", 100_000)
	answer := send(t, agent,
		startOf(&pb.CopyToGuestStart{Path: "/made/tree", IsDir: true, Mode: 0o750, Mtime: 1_000_000_000}), endOfEntry,
		startOf(&pb.CopyToGuestStart{PathBytes: []byte("/made/tree/\xff"), Mode: 0o4711, Mtime: 1_000_000_001, MtimeNanos: 5}),
		dataOf(content[:700_000]), dataOf(content[700_000:]), endOfEntry,
		startOf(&pb.CopyToGuestStart{Path: "/made/tree/link", IsSymlink: true, LinkTarget: []byte("/else\xff"), Mtime: 1_000_000_002}), endOfEntry,
		startOf(&pb.CopyToGuestStart{Path: "/made/tree/empty", Mtime: 1_000_000_003}), endOfEntry,
	)
	if !answer.GetSuccess() || answer.GetEntries() != 4 || answer.GetBytesWritten() != int64(len(content)) {
		t.Fatalf("the answer is %v", answer)
	}
	written, err := os.ReadFile(filepath.Join(root, "made/tree/\xff"))
	must(t, err)
	equal(t, "the content", string(written) == content, true)
	info, err := os.Stat(filepath.Join(root, "made/tree/\xff"))
	must(t, err)
	equal(t, "its time", info.ModTime().UnixNano(), 1_000_000_001_000_000_005)

	must(t, unix.Mkfifo(filepath.Join(root, "made/tree/fifo"), 0o600))
	must(t, os.Chtimes(filepath.Join(root, "made/tree"), info.ModTime(), info.ModTime()))
	lines := listing(receive(t, agent, &pb.CopyFromGuestRequest{Path: "/made/tree"}))
	slices.Sort(lines[1 : len(lines)-1])
	equal(t, "what comes back", strings.Join(lines, "\n"), strings.Join([]string{
		`"" directory 750 1000000001`,
		`"\xff" file 4711 1000000001 1000000`,
		`"empty" file 644 1000000003`,
		`"fifo" OperationFailed skipped=true`,
		"\"link\" link to /else\xff 777 1000000002",
		"final",
	}, "\n"))
}

func modeOf(t *testing.T, path string) string {
	t.Helper()
	var stat unix.Stat_t
	must(t, unix.Lstat(path, &stat))
	return fmt.Sprintf("%o", stat.Mode&0o7777)
}

// While it is copied, its owner may write into it.
func TestADirectoryHasItsModeInTheEnd(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "directory")
	start := startOf(&pb.CopyToGuestStart{Path: "/directory", IsDir: true, Mode: 0o511})
	for _, name := range []string{"a copy", "one into what is there", "one that fails", "one whose client goes away"} {
		agent := startAgent(t, setup{root: root})
		ctx, cancel := context.WithCancel(patiently(t))
		copying := openCopyIn(t, ctx, agent)
		must(t, copying.Send(startOf(&pb.CopyToGuestStart{Path: "/directory/", IsDir: true, Mode: 0o777})))
		must(t, copying.Send(endOfEntry))
		must(t, copying.Send(start))
		must(t, copying.Send(endOfEntry))
		waitFor(t, name, func() bool { info, err := os.Stat(path); return err == nil && info.Mode().Perm() == 0o711 })
		switch name {
		case "one that fails":
			must(t, copying.Send(dataOf("x")))
			answer, err := copying.CloseAndRecv()
			must(t, err)
			equal(t, name, answer.GetErrorCode(), "UsageError")
		case "one whose client goes away":
			cancel()
			waitFor(t, "its mode", func() bool { return modeOf(t, path) == "511" })
		default:
			answer, err := copying.CloseAndRecv()
			must(t, err)
			equal(t, name, answer.GetErrorCode(), "")
		}
		equal(t, name, modeOf(t, path), "511")
		cancel()
	}
}

func TestWhatTakesThePlaceOfADirectoryKeepsItsMode(t *testing.T) {
	root := t.TempDir()
	other := filepath.Join(root, "other")
	must(t, os.Mkdir(other, 0o700))
	path := filepath.Join(root, "directory")
	copying := openCopyIn(t, patiently(t), startAgent(t, setup{root: root}))
	must(t, copying.Send(startOf(&pb.CopyToGuestStart{Path: "/directory", IsDir: true, Mode: 0o577, Mtime: 1})))
	must(t, copying.Send(endOfEntry))
	waitFor(t, "the directory", func() bool { info, err := os.Stat(path); return err == nil && info.Mode().Perm() == 0o777 })
	must(t, os.Rename(path, path+"-before"))
	must(t, os.Symlink("other", path))
	answer, err := copying.CloseAndRecv()
	must(t, err)
	equal(t, "the error", answer.GetErrorCode(), "")
	equal(t, "the other's mode", modeOf(t, other), "700")
}

func TestCopyInOfAnOldClient(t *testing.T) {
	root := t.TempDir()
	agent := startAgent(t, setup{root: root})
	answer := send(t, agent, startOf(&pb.CopyToGuestStart{Path: "/a/b/file", Mode: 0o100600, Size: 5}), dataOf("first"), endOfEntry)
	equal(t, "success", answer.GetSuccess(), true)
	answer = send(t, agent, startOf(&pb.CopyToGuestStart{Path: "/a/b/file"}), dataOf("x"), endOfEntry)
	equal(t, "success", answer.GetSuccess(), true)
	content, err := os.ReadFile(filepath.Join(root, "a/b/file"))
	must(t, err)
	equal(t, "the content", string(content), "x")
}

func TestCopiesStayInTheRoot(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644))
	must(t, os.Symlink(outside, filepath.Join(root, "out")))
	must(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(root, "secret")))
	must(t, os.Symlink("../../../../../../../../../../"+outside, filepath.Join(root, "up")))
	agent := startAgent(t, setup{root: root})
	for _, path := range []string{"/out/new", "/up/new", "/../../../" + outside + "/new"} {
		send(t, agent, startOf(&pb.CopyToGuestStart{Path: path}), dataOf("x"), endOfEntry)
	}
	entries, err := os.ReadDir(outside)
	must(t, err)
	equal(t, "entries outside", len(entries), 1)
	// A link in its place is replaced, and not written through.
	answer := send(t, agent, startOf(&pb.CopyToGuestStart{Path: "/secret"}), dataOf("new"), endOfEntry)
	equal(t, "success", answer.GetSuccess(), true)
	content, err := os.ReadFile(filepath.Join(outside, "secret"))
	must(t, err)
	equal(t, "what is outside", string(content), "secret")
	for _, path := range []string{"/out/secret", "/up/secret", "/../../.." + outside + "/secret"} {
		lines := listing(receive(t, agent, &pb.CopyFromGuestRequest{Path: path, FollowLinks: true}))
		if strings.Contains(strings.Join(lines, "\n"), "file") {
			t.Errorf("%s gave %q", path, lines)
		}
	}
}

func TestCopiesThatFail(t *testing.T) {
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "directory/inside"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "file"), []byte("old"), 0o644))
	agent := startAgent(t, setup{root: root})
	for name, expected := range map[string]struct {
		messages []*pb.CopyToGuestRequest
		code     string
	}{
		"below a file":             {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/file/x"}), endOfEntry}, "NotADirectory"},
		"a directory as a file":    {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/directory"}), endOfEntry}, "IsADirectory"},
		"a file as a directory":    {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/file", IsDir: true}), endOfEntry}, "NotADirectory"},
		"a file with a slash":      {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/file/"}), endOfEntry}, "NotADirectory"},
		"nothing with a slash":     {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/new//"}), endOfEntry}, "NotADirectory"},
		"a directory with a slash": {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/directory/"}), endOfEntry}, "IsADirectory"},
		"a link with a slash":      {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/file/", IsSymlink: true, LinkTarget: []byte("x")}), endOfEntry}, "NotADirectory"},
		"no name":                  {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/"}), endOfEntry}, "UsageError"},
		"dots":                     {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/directory/.."}), endOfEntry}, "UsageError"},
		"data first":               {[]*pb.CopyToGuestRequest{dataOf("x")}, "UsageError"},
		"no end":                   {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/file"}), dataOf("x")}, "UsageError"},
		"two starts":               {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/file"}), startOf(&pb.CopyToGuestStart{Path: "/y"})}, "UsageError"},
		"a link to nothing":        {[]*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/l", IsSymlink: true}), endOfEntry}, "UsageError"},
	} {
		answer := send(t, agent, expected.messages...)
		equal(t, name, answer.GetErrorCode(), expected.code)
		equal(t, name+": success", answer.GetSuccess(), false)
	}
	ctx, cancel := context.WithCancel(patiently(t))
	lost := openCopyIn(t, ctx, agent)
	must(t, lost.Send(startOf(&pb.CopyToGuestStart{Path: "/file"})))
	must(t, lost.Send(dataOf("half")))
	waitFor(t, "the half file", func() bool { return len(namesIn(t, root)) == 3 })
	cancel()
	waitFor(t, "its end", func() bool { return len(namesIn(t, root)) == 2 })
	content, err := os.ReadFile(filepath.Join(root, "file"))
	must(t, err)
	equal(t, "the file", string(content), "old")
	lines := listing(receive(t, agent, &pb.CopyFromGuestRequest{Path: "/nothing"}))
	equal(t, "what is not there", strings.Join(lines, "\n"), `"/nothing" NotFound skipped=false`)
}

func namesIn(t *testing.T, directory string) []string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	must(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestStat(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "file"), []byte("12345"), 0o640))
	must(t, os.Symlink("/file", filepath.Join(root, "link")))
	listener, err := net.Listen("unix", filepath.Join(root, "s"))
	must(t, err)
	defer listener.Close()
	agent := startAgent(t, setup{root: root})
	stat := func(path string, follow bool) *pb.StatPathResponse {
		answer, err := client.Call[pb.StatPathResponse](patiently(t), agent.Client, "StatPath", &pb.StatPathRequest{PathBytes: []byte(path), FollowLinks: follow})
		must(t, err)
		return answer
	}
	file := stat("/file", false)
	if !file.GetExists() || !file.GetIsFile() || file.GetMode() != 0o640 || file.GetSize() != 5 || file.GetMtime() == 0 {
		t.Errorf("the file is %v", file)
	}
	link := stat("/link", false)
	if !link.GetIsSymlink() || link.GetLinkTarget() != "/file" {
		t.Errorf("the link is %v", link)
	}
	equal(t, "the link's target", stat("/link", true).GetIsFile(), true)
	equal(t, "the root", stat("/..", true).GetIsDir(), true)
	equal(t, "nothing", stat("/nothing", true).GetExists(), false)
	equal(t, "below a file", stat("/file/x", true).GetErrorCode(), "NotADirectory")
	socket := stat("/s", true)
	if !socket.GetExists() || socket.GetIsFile() || socket.GetIsDir() {
		t.Errorf("the socket is %v", socket)
	}
}

func TestLargeCopies(t *testing.T) {
	root := t.TempDir()
	agent := startAgent(t, setup{root: root})
	chunk := string(bytes.Repeat([]byte("x"), 1<<20))
	messages := []*pb.CopyToGuestRequest{startOf(&pb.CopyToGuestStart{Path: "/large"})}
	for range 48 {
		messages = append(messages, dataOf(chunk))
	}
	answer := send(t, agent, append(messages, endOfEntry)...)
	equal(t, "bytes", answer.GetBytesWritten(), 48<<20)
	received := 0
	for _, message := range receive(t, agent, &pb.CopyFromGuestRequest{Path: "large"}) {
		received += len(message.GetData())
	}
	equal(t, "bytes back", received, 48<<20)
}
