package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"proxmox-lxcri/guest-agent/internal/client"
	"proxmox-lxcri/guest-agent/internal/listen"
	"proxmox-lxcri/guest-agent/internal/pb"
)

// In this program's environment it is the agent, and not its tests.
const asAgent = "TEST_AS_AGENT"

const patience = 60 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) != "" {
		os.Unsetenv(asAgent)
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type agent struct {
	command *exec.Cmd
	log     *lines
	socket  string
}

// By what it is started, and with which words beside its socket.
func start(t *testing.T, by []string, words ...string) *agent {
	t.Helper()
	directory, err := os.MkdirTemp("", "agent")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(directory) })
	socket := filepath.Join(directory, "agent.sock")
	argv := append(append(by, "/proc/self/exe"), append([]string{"--listen", "unix:" + socket}, words...)...)
	if len(by) > 0 {
		// Of the tool's, /proc/self is another.
		argv[len(by)], err = os.Executable()
		must(t, err)
	}
	started := &agent{command: exec.Command(argv[0], argv[1:]...), log: &lines{}, socket: socket}
	started.command.Env = append(os.Environ(), asAgent+"=1")
	started.command.Stderr = started.log
	must(t, started.command.Start())
	t.Cleanup(func() {
		// So that it leaves nothing; it has ended already where the test was about that.
		started.command.Process.Signal(unix.SIGTERM)
		if len(by) > 0 {
			// What stands before it may keep that to itself.
			started.command.Process.Kill()
		}
		killer := time.AfterFunc(patience, func() { started.command.Process.Kill() })
		started.command.Wait()
		killer.Stop()
	})
	waitFor(t, "an agent that is ready", func() bool { return strings.Contains(started.log.String(), `"msg":"ready"`) })
	return started
}

func (a *agent) dial(t *testing.T) *client.Client {
	t.Helper()
	connection, err := client.Dial(a.socket, 0)
	must(t, err)
	t.Cleanup(func() { connection.Close() })
	return connection
}

func patiently(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestAnAgentFromItsStartToItsEnd(t *testing.T) {
	agent := start(t, nil, "--grace", "30s")
	info, err := os.Stat(agent.socket)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %o", info.Mode().Perm())
	}
	connection := agent.dial(t)
	stream, err := connection.Exec(patiently(t), client.GuestService, &pb.ExecStart{
		Protocol: 1, Command: []string{"sh", "-c", "trap 'echo over; exit 3' TERM; echo ready; while :; do sleep 0.1; done"},
	})
	must(t, err)
	ready := make(chan struct{})
	var once sync.Once
	type ended struct {
		result client.Result
		err    error
	}
	end := make(chan ended, 1)
	var output bytes.Buffer
	go func() {
		result, err := client.Collect(stream, func(chunk []byte) {
			output.Write(chunk)
			once.Do(func() { close(ready) })
		})
		end <- ended{result, err}
	}()
	<-ready
	must(t, agent.command.Process.Signal(unix.SIGTERM))
	got := <-end
	must(t, got.err)
	if got.result.Last.GetExitCode() != 3 || output.String() != "ready\nover\n" {
		t.Errorf("it ended with %v and %q", got.result.Last, output.String())
	}
	must(t, agent.command.Wait())
	if _, err := os.Stat(agent.socket); err == nil {
		t.Error("its socket is left")
	}
}

func TestASocketThatIsInUse(t *testing.T) {
	agent := start(t, nil)
	second := exec.Command("/proc/self/exe", "--listen", "unix:"+agent.socket)
	second.Env = append(os.Environ(), asAgent+"=1")
	output, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "another agent listens there") {
		t.Errorf("%v %s", err, output)
	}
	// One that was killed leaves its own, and that is no hindrance.
	agent.command.Process.Kill()
	agent.command.Wait()
	listener, err := listen.Open("unix:"+agent.socket, nil, slog.New(slog.DiscardHandler))
	must(t, err)
	listener.Close()
}

// What an agent was running when it was killed is ended by the next one, where there are control groups.
func TestWhatAKilledAgentLeft(t *testing.T) {
	agent := start(t, nil)
	if !strings.Contains(agent.log.String(), `"cgroup":true`) {
		t.Skip("SKIPPED: no control groups here")
	}
	stream, err := agent.dial(t).Exec(patiently(t), client.GuestService, &pb.ExecStart{Protocol: 1, Command: []string{"sleep", "100000"}})
	must(t, err)
	message, err := stream.Recv()
	must(t, err)
	pid := int(message.GetStarted().GetPid())
	t.Cleanup(func() {
		if isAsleep(pid) {
			unix.Kill(pid, unix.SIGKILL)
		}
	})
	agent.command.Process.Kill()
	agent.command.Wait()
	if !isAsleep(pid) {
		t.Fatal("it has ended by itself")
	}
	start(t, nil)
	waitFor(t, "its end", func() bool { return !isAsleep(pid) })
}

func isAsleep(pid int) bool {
	content, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(content) == "sleep\x00100000\x00"
}

// What is started in the background, or by nohup, ignores some signals; its commands must not.
func TestCommandsIgnoreNoSignal(t *testing.T) {
	agent := start(t, []string{"sh", "-c", `trap '' HUP INT QUIT PIPE USR1 TERM CHLD; exec "$@"`, "sh"}, "--no-cgroup")
	result, err := agent.dial(t).Run(patiently(t), &pb.ExecStart{Protocol: 1, Command: []string{"grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"}})
	must(t, err)
	if string(result.Stdout) != "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" {
		t.Errorf("it has %s", result.Stdout)
	}
}

// As PID 1 it gets the processes that lost their parents.
func TestAsPID1ItReapsOrphans(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("SKIPPED: it needs root and unshare")
	}
	agent := start(t, []string{unshare, "--pid", "--fork", "--kill-child", "--mount-proc"}, "--no-cgroup")
	connection := agent.dial(t)
	run := func(script string) client.Result {
		result, err := connection.Run(patiently(t), &pb.ExecStart{Protocol: 1, Command: []string{"sh", "-c", script}})
		must(t, err)
		return result
	}
	if result := run("echo $PPID"); string(result.Stdout) != "1\n" {
		t.Fatalf("the agent is process %s", result.Stdout)
	}
	for number := range 20 {
		result := run(fmt.Sprintf("for i in 1 2 3; do (sleep 0.05 & ) ; done; exit %d", number))
		if result.Last.GetExitCode() != int32(number) {
			t.Fatalf("%d: ended with %v", number, result.Last)
		}
	}
	waitFor(t, "no zombies", func() bool {
		return string(run("cat /proc/[0-9]*/stat | grep -c ') Z '; :").Stdout) == "0\n"
	})
}

// A file system whose server never answers: whoever looks at it waits for ever.
func TestACopyThatWaitsForEver(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	directory := t.TempDir()
	options := fmt.Sprintf("fd=3,rootmode=40000,user_id=%d,group_id=%d", os.Geteuid(), os.Getegid())
	mount := `exec 3<>/dev/fuse && mount -i -t fuse -o ` + options + ` silent ` + directory + ` && exec "$@"`
	by := []string{unshare, "--mount", "sh", "-c", mount, "sh"}
	if err != nil || exec.Command(unshare, append(by[1:], "true")...).Run() != nil {
		t.Skip("SKIPPED: it needs root, unshare and FUSE")
	}
	agent := start(t, by, "--no-cgroup", "--grace", "100ms")
	connection := agent.dial(t)
	ask := func(ctx context.Context, path string) *grpc.GenericClientStream[pb.CopyFromGuestRequest, pb.CopyFromGuestResponse] {
		stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, client.GuestService+"CopyFromGuest")
		must(t, err)
		must(t, stream.SendMsg(&pb.CopyFromGuestRequest{Path: path}))
		must(t, stream.CloseSend())
		return &grpc.GenericClientStream[pb.CopyFromGuestRequest, pb.CopyFromGuestResponse]{ClientStream: stream}
	}
	isFree := func() bool {
		_, err := ask(patiently(t), "/proc/self/stat").Recv()
		return err == nil
	}
	ctx, cancel := context.WithCancel(patiently(t))
	waitFor(t, "all places to be taken", func() bool {
		if !isFree() {
			return true
		}
		ask(ctx, directory+"/file")
		return false
	})
	cancel()
	waitFor(t, "a free place", isFree)
	waitFor(t, "lines in the log", func() bool { return strings.Contains(agent.log.String(), "a call is given up") })
	// One with a client, too.
	ask(patiently(t), directory+"/file")
	must(t, agent.command.Process.Signal(unix.SIGTERM))
	killer := time.AfterFunc(patience, func() { agent.command.Process.Kill() })
	defer killer.Stop()
	if err := agent.command.Wait(); err != nil {
		t.Errorf("it ended with %v\n%s", err, agent.log.String())
	}
}

func TestWords(t *testing.T) {
	asked, err := parse(nil, io.Discard)
	must(t, err)
	if len(asked.addresses) != 1 || asked.addresses[0] != "vsock:2222" || len(asked.allowedCIDs) != 1 || asked.allowedCIDs[0] != 2 ||
		asked.root != "auto" || asked.maxSessions != 64 {
		t.Errorf("by default it is %+v", asked)
	}
	asked, err = parse([]string{"--listen", "vsock:1", "--listen=unix:/x", "--allow-cid", "1", "--allow-cid", "2", "--root", "/r/"}, io.Discard)
	must(t, err)
	if len(asked.addresses) != 2 || len(asked.allowedCIDs) != 2 || asked.root != "/r" {
		t.Errorf("it is %+v", asked)
	}
	for _, words := range [][]string{
		{"operand"}, {"--max-sessions", "0"}, {"--root", "relative"}, {"--allow-cid", "x"}, {"--grace", "-1s"}, {"--none"},
		{"--listen", "tcp:1"}, {"--listen", "vsock:x"}, {"--listen", "unix:"}, {"--listen", ""},
	} {
		var output bytes.Buffer
		if _, err := parse(words, &output); err == nil || output.Len() == 0 {
			t.Errorf("%q is taken", words)
		}
	}
	for _, address := range []string{"", "tcp:1", "vsock:", "vsock:x", "vsock:4294967295", "unix:"} {
		if listener, err := listen.Open(address, nil, slog.New(slog.DiscardHandler)); err == nil {
			listener.Close()
			t.Errorf("%q is taken", address)
		}
	}
}

func TestARootThatIsNotThereIsSaid(t *testing.T) {
	agent := start(t, nil, "--root", "/no/such/root")
	if !strings.Contains(agent.log.String(), `"reason":"open /no/such/root: no such file or directory"`) {
		t.Errorf("it said %s", agent.log.String())
	}
}

func TestTooManyConnectionsAreSaid(t *testing.T) {
	agent := start(t, nil)
	// They wait in the backlog until it is their turn.
	for range 129 {
		connection, err := net.Dial("unix", agent.socket)
		must(t, err)
		defer connection.Close()
	}
	waitFor(t, "a line in the log", func() bool { return strings.Contains(agent.log.String(), `"limit":128`) })
}

func startNotRoot(t *testing.T) *agent {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	by := []string{unshare, "--user", "--map-user=1234", "--map-group=1235"}
	if err != nil || exec.Command(unshare, append(by[1:], "true")...).Run() != nil {
		t.Skip("SKIPPED: it needs unshare and user namespaces")
	}
	return start(t, by, "--no-cgroup")
}

// Whom it cannot change it can still be asked for, where that is no change.
func TestAnAgentThatIsNotRoot(t *testing.T) {
	connection := startNotRoot(t).dial(t)
	for _, expected := range []struct {
		user, group string
		groups      []string
		code        string
	}{
		{user: "1234"}, {user: "1234", group: "1235"}, {group: "1235"}, {user: "1234", group: "1235", groups: []string{"1235"}},
		{user: "0", code: "PermissionDenied"}, {user: "1234", group: "1", code: "PermissionDenied"},
		{user: "1234", groups: []string{"1"}, code: "PermissionDenied"},
	} {
		result, err := connection.Run(patiently(t), &pb.ExecStart{
			Protocol: 1, Command: []string{"id", "-u"}, User: expected.user, Group: expected.group, Groups: expected.groups,
		})
		must(t, err)
		if code := result.Last.GetError().GetCode(); code != expected.code || code == "" && string(result.Stdout) != "1234\n" {
			t.Errorf("%v: %v %s", expected, result.Last, result.Stdout)
		}
	}
}

func TestCopiesOfAnAgentThatIsNotRoot(t *testing.T) {
	connection := startNotRoot(t).dial(t)
	tree := filepath.Join(t.TempDir(), "tree")
	// Its remover may not be root either.
	t.Cleanup(func() { os.Chmod(tree, 0o755) })
	const own, ownGroup = 1234, 1235
	entries := []*pb.CopyToGuestStart{
		{Path: tree, IsDir: true, Mode: 0o2555, Uid: own, Gid: ownGroup},
		{Path: tree + "/below", IsDir: true, Mode: 0o3577},
		{Path: tree + "/ours", Mode: 0o6755, Uid: own, Gid: ownGroup},
		{Path: tree + "/root's", Mode: 0o6755},
		{Path: tree + "/of another group", Mode: 0o6755, Uid: own, Gid: 1},
		{Path: tree + "/of another user", Mode: 0o6755, Uid: 1, Gid: ownGroup},
	}
	modes := []uint32{0o2555, 0o1577, 0o6755, 0o755, 0o755, 0o755}
	// The second finds a directory that is not to be written to.
	for range 2 {
		stream, err := connection.NewStream(patiently(t), &grpc.StreamDesc{ClientStreams: true}, client.GuestService+"CopyToGuest")
		must(t, err)
		copying := &grpc.GenericClientStream[pb.CopyToGuestRequest, pb.CopyToGuestResponse]{ClientStream: stream}
		for _, entry := range entries {
			must(t, copying.Send(&pb.CopyToGuestRequest{Request: &pb.CopyToGuestRequest_Start{Start: entry}}))
			must(t, copying.Send(&pb.CopyToGuestRequest{Request: &pb.CopyToGuestRequest_End{End: &pb.CopyToGuestEnd{}}}))
		}
		answer, err := copying.CloseAndRecv()
		must(t, err)
		if !answer.GetSuccess() {
			t.Fatalf("the answer is %v", answer)
		}
		for number, entry := range entries {
			var stat unix.Stat_t
			must(t, unix.Stat(entry.Path, &stat))
			if mode := uint32(stat.Mode) & 0o7777; mode != modes[number] {
				t.Errorf("%s has mode %o", entry.Path, mode)
			}
		}
	}
}

func TestAStrangerAtTheUnixSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: it needs root")
	}
	agent := start(t, nil)
	// As if its administrator had opened the file to everybody.
	must(t, os.Chmod(filepath.Dir(agent.socket), 0o755))
	must(t, os.Chmod(agent.socket, 0o666))
	connection, err := dialAs(agent.socket, 65534)
	must(t, err)
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(patience))
	if n, err := connection.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("it was let in")
	}
	waitFor(t, "a line in the log", func() bool { return strings.Contains(agent.log.String(), `"uid":65534`) })
}

// The kernel shows a peer's user as it was when it connected: that of the thread, which is never used again.
func dialAs(path string, uid int) (connection net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		// Relative: the way there may be closed to others.
		if err = errors.Join(unix.Unshare(unix.CLONE_FS), unix.Chdir(filepath.Dir(path))); err != nil {
			return
		}
		if _, _, number := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); number != 0 {
			err = number
			return
		}
		var fd int
		if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return
		}
		if err = unix.Connect(fd, &unix.SockaddrUnix{Name: filepath.Base(path)}); err == nil {
			file := os.NewFile(uintptr(fd), path)
			connection, err = net.FileConn(file)
			file.Close()
		}
	}()
	<-done
	return connection, err
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type lines struct {
	lock    sync.Mutex
	content bytes.Buffer
}

func (l *lines) Write(bytes []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.content.Write(bytes)
}

func (l *lines) String() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.content.String()
}
