package service_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/client"
	"proxmox-lxcri/guest-agent/internal/pb"
)

// Where /dev/stderr leads: a file that is opened once more, with the rights of its user.
func TestUsersMayOpenTheirStreamsAgain(t *testing.T) {
	needsRoot(t)
	agent := startAgent(t, setup{})
	script := "cat /proc/self/fd/0; echo out >/proc/self/fd/1; echo err >/proc/self/fd/2"
	for _, user := range []string{"0", "4711"} {
		stream, err := agent.Exec(patiently(t), client.GuestService, with(shell(script), func(s *pb.ExecStart) { s.User = user }))
		must(t, err)
		must(t, stream.Send(&pb.ExecRequest{Request: &pb.ExecRequest_Stdin{Stdin: []byte("in ")}}))
		must(t, stream.CloseSend())
		result, err := client.Collect(stream, nil)
		must(t, err)
		equal(t, user+": stdout", string(result.Stdout), "in out\n")
		equal(t, user+": stderr", string(result.Stderr), "err\n")
	}
}

// A root directory with busybox and accounts of its own.
func makeRoot(t *testing.T) string {
	t.Helper()
	needsRoot(t)
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("SKIPPED: busybox is missing")
	}
	// Its users have to get there.
	root, err := os.MkdirTemp("", "agent-root")
	must(t, err)
	must(t, os.Chmod(root, 0o755))
	t.Cleanup(func() { os.RemoveAll(root) })
	for _, directory := range []string{"bin", "etc", "home/app", "private", "root", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(root, directory), 0o755))
	}
	must(t, os.Chmod(filepath.Join(root, "private"), 0o700))
	content, err := os.ReadFile(busybox)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "bin/busybox"), content, 0o755))
	for _, name := range []string{"sh", "id", "env", "pwd", "cat", "echo", "tty", "stty", "sleep", "true"} {
		must(t, os.Symlink("busybox", filepath.Join(root, "bin", name)))
	}
	write(t, root, "etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n")
	write(t, root, "etc/group", "root:x:0:\nown:x:1001:\nextra:x:2000:app\nshared:x:2001:root,app\nother:x:2002:\n")
	write(t, root, "etc/environment", "PATH=\"/bin\"\nLANG=de_DE.UTF-8\n")
	write(t, root, "private/program", "#!/bin/sh\n")
	must(t, os.Chmod(filepath.Join(root, "private/program"), 0o755))
	write(t, root, "bin/mine", "#!/bin/sh\necho mine\n")
	must(t, os.Chmod(filepath.Join(root, "bin/mine"), 0o700))
	return root
}

func write(t *testing.T, root, name, content string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o644))
}

func TestCommandsLiveInTheRootDirectory(t *testing.T) {
	agent := startAgent(t, setup{root: makeRoot(t)})
	result := run(t, agent, shell("pwd; ls / >/dev/null 2>&1 || echo 'no ls'; echo $PATH $HOME $USER $LANG; id -u"))
	equal(t, "what it finds", string(result.Stdout), "/\nno ls\n/bin /root root de_DE.UTF-8\n0\n")
	result = run(t, agent, command("ls"))
	equal(t, "a program that only the agent has", result.Last.GetError().GetCode(), "CommandNotFound")
}

func TestUsersOfTheRootDirectory(t *testing.T) {
	agent := startAgent(t, setup{root: makeRoot(t)})
	as := func(user, group string, further ...string) func(*pb.ExecStart) {
		return func(s *pb.ExecStart) { s.User, s.Group, s.Groups = user, group, further }
	}
	ids := "id -u; id -g; id -G; echo $HOME $USER"
	for name, expected := range map[string]struct {
		change func(*pb.ExecStart)
		output string
	}{
		"default":      {as("", ""), "0\n0\n0 2001\n/root root\n"},
		"by name":      {as("app", ""), "1000\n1001\n1001 2000 2001\n/home/app app\n"},
		"by uid":       {as("1000", ""), "1000\n1001\n1001 2000 2001\n/home/app app\n"},
		"with a group": {as("app", "other"), "1000\n2002\n2002 1001 2000 2001\n/home/app app\n"},
		"with a gid":   {as("app", "3000"), "1000\n3000\n3000 1001 2000 2001\n/home/app app\n"},
		"with further": {as("app", "", "other", "3000"), "1000\n1001\n1001 2000 2001 2002 3000\n/home/app app\n"},
		"unknown uid":  {as("4711", ""), "4711\n0\n0\n/\n"},
	} {
		result := run(t, agent, with(shell(ids), expected.change))
		equal(t, name, string(result.Stdout), expected.output)
	}
	result := run(t, agent, with(command("env"), as("app", "")))
	if strings.Contains(string(result.Stdout), "root") {
		t.Errorf("the environment of app is %s", result.Stdout)
	}
	// The login shell, which reads its commands here.
	shell := begin(t, agent.Client, with(command(), as("app", "")))
	shell.input("echo I am $(id -u); shopt 2>/dev/null; echo $0; exit 6\n")
	ended, err := shell.end()
	must(t, err)
	equal(t, "its exit code", ended.Last.GetExitCode(), 6)
	if !strings.HasPrefix(shell.output.String(), "I am 1000\n") {
		t.Errorf("the login shell said %q", shell.output.String())
	}
}

func TestFilesAreReachedWithTheRightsOfTheUser(t *testing.T) {
	agent := startAgent(t, setup{root: makeRoot(t)})
	for name, expected := range map[string]struct {
		start *pb.ExecStart
		code  string
	}{
		"a workdir":               {with(command("pwd"), func(s *pb.ExecStart) { s.Cwd = "/private" }), "WorkdirNotFound"},
		"a program's directory":   {command("/private/program"), "CommandNotExecutable"},
		"a program":               {command("/bin/mine"), "CommandNotExecutable"},
		"a program of the PATH":   {command("mine"), "CommandNotExecutable"},
		"a program that is there": {command("pwd"), ""},
	} {
		result := run(t, agent, with(expected.start, func(s *pb.ExecStart) { s.User = "app" }))
		equal(t, name+" of app", result.Last.GetError().GetCode(), expected.code)
		result = run(t, agent, with(expected.start, func(s *pb.ExecStart) { s.User = "" }))
		equal(t, name+" of root", result.Last.GetExitCode(), 0)
	}
}

func TestTheAccountFilesAreNotTrusted(t *testing.T) {
	root := makeRoot(t)
	agent := startAgent(t, setup{root: root})
	must(t, os.Chmod(filepath.Join(root, "tmp"), 0o777))
	passwd := filepath.Join(root, "etc/passwd")
	must(t, os.Remove(passwd))
	// On the host this would lead to the host's file.
	must(t, os.Symlink("/etc/../../../etc/elsewhere", passwd))
	write(t, root, "etc/elsewhere", "inside:x:1234:1234::/:/bin/sh\n")
	result := run(t, agent, with(shell("id -u"), func(s *pb.ExecStart) { s.User = "inside" }))
	equal(t, "a link", string(result.Stdout), "1234\n")
	for name, damage := range map[string]struct {
		make   func() error
		reason string
	}{
		"a FIFO":      {func() error { return unix.Mkfifo(passwd, 0o644) }, "is not a regular file"},
		"a directory": {func() error { return os.Mkdir(passwd, 0o755) }, "is not a regular file"},
		"a huge file": {func() error { return os.WriteFile(passwd, make([]byte, 5<<20), 0o644) }, "file too large"},
		"a loop":      {func() error { return os.Symlink("passwd", passwd) }, "too many levels of symbolic links"},
	} {
		must(t, os.Remove(passwd))
		must(t, damage.make())
		// Numbers, and root, are enough to repair it. No id: that of busybox waits for the FIFO.
		for user, expected := range map[string]string{"": "0:0 /root", "0": "0:0 /root", "5": "5:6 /"} {
			result := run(t, agent, with(shell("echo $HOME; : >/tmp/its"), func(s *pb.ExecStart) {
				s.User = user
				if user == "5" {
					s.Group = "6"
				}
			}))
			its := filepath.Join(root, "tmp/its")
			var stat unix.Stat_t
			must(t, unix.Stat(its, &stat))
			must(t, os.Remove(its))
			equal(t, name+": user "+user, fmt.Sprintf("%d:%d %s", stat.Uid, stat.Gid, result.Stdout), expected+"\n")
		}
		result := run(t, agent, with(command("true"), func(s *pb.ExecStart) { s.User = "app" }))
		equal(t, name, result.Last.GetError().GetCode(), "OperationFailed")
		equal(t, name, result.Last.GetError().GetMessage(), "names cannot be looked up: /etc/passwd: "+damage.reason+" (numbers can be used instead)")
		waitFor(t, "the reason in the log", func() bool { return strings.Contains(agent.log.String(), `"unread":"/etc/passwd: `+damage.reason) })
	}
	must(t, os.Remove(passwd))
	result = run(t, agent, shell("id -u; echo $HOME"))
	equal(t, "no file", string(result.Stdout), "0\n/root\n")
}

func TestATerminalWithoutDevicesInTheRoot(t *testing.T) {
	root := makeRoot(t)
	agent := startAgent(t, setup{root: root})
	result := run(t, agent, with(shell("stty size; id -u"), func(s *pb.ExecStart) { s.Tty, s.User = true, "app" }))
	equal(t, "its output", string(result.Stdout), "24 80\r\n1000\r\n")
	// What looks like one is not opened.
	must(t, os.Mkdir(filepath.Join(root, "dev"), 0o755))
	must(t, unix.Mkfifo(filepath.Join(root, "dev/ptmx"), 0o666))
	result = run(t, agent, with(shell("stty size"), func(s *pb.ExecStart) { s.Tty = true }))
	equal(t, "its output", string(result.Stdout), "24 80\r\n")
}

func TestARootThatIsNotThere(t *testing.T) {
	agent := startAgent(t, setup{root: fmt.Sprintf("/no/such/root/%d", os.Getpid())})
	result := run(t, agent, command("true"))
	equal(t, "the error", result.Last.GetError().GetCode(), "OperationFailed")
}
