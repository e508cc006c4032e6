package service_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"proxmox-lxcri/guest-agent/internal/client"
	"proxmox-lxcri/guest-agent/internal/pb"
)

// So long that nothing ends by itself while a test runs; the number tells whose it is.
func sleepWord(number int) string { return fmt.Sprintf("%d.%d", 100_000+number, os.Getpid()) }

func TestExitCodes(t *testing.T) {
	agent := startAgent(t, setup{})
	for script, expected := range map[string]struct {
		code   int32
		signal string
		own    int32
	}{
		"exit 0":        {0, "", 0},
		"exit 42":       {42, "", 42},
		"exit 255":      {255, "", 255},
		"exit 137":      {137, "", 137},
		"kill -KILL $$": {137, "SIGKILL", 0},
		"kill -TERM $$": {143, "SIGTERM", 0},
		"kill -36 $$":   {164, "SIGRTMIN+2", 0},
	} {
		result := run(t, agent, shell(script))
		equal(t, script, result.Last.GetExitCode(), expected.code)
		equal(t, script+": the signal", result.Last.GetExit().GetSignalName(), expected.signal)
		equal(t, script+": its own code", result.Last.GetExit().GetCode(), expected.own)
	}
}

func TestRefusals(t *testing.T) {
	agent := startAgent(t, setup{})
	script := t.TempDir() + "/script"
	must(t, os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o755))
	must(t, os.WriteFile(script+"-plain", []byte("echo by $0 $1\n"), 0o755))
	for name, expected := range map[string]struct {
		start *pb.ExecStart
		code  string
		exit  int32
	}{
		"no command":          {command("no-such-command"), "CommandNotFound", 127},
		"no path":             {command("/no/such/command"), "CommandNotFound", 127},
		"no text":             {command("\xff\xfe"), "CommandNotFound", 127},
		"an empty word":       {command(""), "CommandNotFound", 127},
		"no program":          {command("/etc/passwd"), "CommandNotExecutable", 126},
		"a directory":         {command("/etc"), "CommandNotExecutable", 126},
		"no interpreter":      {command(script), "CommandNotExecutable", 126},
		"a word with NUL":     {command("true", "a\x00b"), "UsageError", 125},
		"no workdir":          {with(command("true"), func(s *pb.ExecStart) { s.Cwd = "/no/such/directory" }), "WorkdirNotFound", 125},
		"a file as workdir":   {with(command("true"), func(s *pb.ExecStart) { s.CwdBytes = []byte("/etc/passwd") }), "WorkdirNotFound", 125},
		"no user":             {with(command("true"), func(s *pb.ExecStart) { s.User = "no-such-user" }), "UserNotFound", 125},
		"no group":            {with(command("true"), func(s *pb.ExecStart) { s.Group = "no-such-group" }), "UserNotFound", 125},
		"no further group":    {with(command("true"), func(s *pb.ExecStart) { s.Groups = []string{"no-such-group"} }), "UserNotFound", 125},
		"no limit":            {with(command("true"), func(s *pb.ExecStart) { s.Rlimits = []*pb.Rlimit{{Resource: "BEER"}} }), "UsageError", 125},
		"a reserved variable": {with(command("true"), func(s *pb.ExecStart) { s.Environ = [][]byte{[]byte("PROXMOX_LXCRI_X=1")} }), "UsageError", 125},
		"no variable":         {with(command("true"), func(s *pb.ExecStart) { s.Environ = [][]byte{[]byte("X")} }), "UsageError", 125},
		"a desktop":           {with(command("true"), func(s *pb.ExecStart) { s.Session = 1 }), "UsageError", 125},
		"a strange id":        {with(command("true"), func(s *pb.ExecStart) { s.ExecutionId = "../x" }), "UsageError", 125},
		"a huge terminal":     {with(command("true"), func(s *pb.ExecStart) { s.Tty, s.Rows = true, 70_000 }), "UsageError", 125},
		"too many bytes":      {command("true", strings.Repeat("x", 200_000)), "UsageError", 125},
	} {
		result := run(t, agent, expected.start)
		equal(t, name, result.Last.GetError().GetCode(), expected.code)
		equal(t, name+": the exit code", result.Last.GetExitCode(), expected.exit)
		if result.Started != nil {
			t.Errorf("%s: was started", name)
		}
	}
	result := run(t, agent, command(script+"-plain", "sh"))
	equal(t, "a script without #!", string(result.Stdout), "by "+script+"-plain sh\n")
}

func TestWordsAndEnvironmentAreBytes(t *testing.T) {
	agent := startAgent(t, setup{})
	words := []string{"", "a b", "*", "$HOME", "\xff\xfe", "\n", "ä€", "-n", "'\"\\"}
	result := run(t, agent, command(append([]string{"printf", "%s|"}, words...)...))
	equal(t, "words", string(result.Stdout), strings.Join(words, "|")+"|")
	start := command("cat", "/proc/self/environ")
	start.Env = map[string]string{"A": "old", "B": "of the map"}
	start.Environ = [][]byte{[]byte("A=\xff"), []byte("EMPTY="), []byte("HOME=/h"), []byte("A=\xfe b")}
	start.ExecutionId = "the.id_1-x"
	result = run(t, agent, start)
	found := map[string]string{}
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(result.Stdout), "\x00"), "\x00") {
		key, value, _ := strings.Cut(entry, "=")
		if _, twice := found[key]; twice {
			t.Errorf("%s is there twice", key)
		}
		found[key] = value
	}
	delete(found, "container")
	expected := map[string]string{
		"A": "\xfe b", "B": "of the map", "EMPTY": "", "HOME": "/h", "USER": "root", "PROXMOX_LXCRI_EXEC_ID": "the.id_1-x",
	}
	for key, value := range expected {
		equal(t, key, found[key], value)
	}
	if len(found) != len(expected)+2 || found["PATH"] == "" || found["LANG"] == "" {
		t.Errorf("the environment is %q", found)
	}
	if strings.Contains(agent.log.String(), "of the map") {
		t.Error("a value is in the log")
	}
}

func TestWordsOfALongCommandAreNotInTheLog(t *testing.T) {
	agent := startAgent(t, setup{})
	run(t, agent, command("true", "the-secret"))
	waitFor(t, "a line in the log", func() bool { return strings.Contains(agent.log.String(), `"words":2`) })
	if strings.Contains(agent.log.String(), "the-secret") {
		t.Error("an argument is in the log")
	}
}

func TestStreams(t *testing.T) {
	agent := startAgent(t, setup{})
	result := run(t, agent, shell("echo out; echo err >&2; exit 42"))
	equal(t, "stdout", string(result.Stdout), "out\n")
	equal(t, "stderr", string(result.Stderr), "err\n")
	result = run(t, agent, shell("head -c 8388608 /dev/zero; head -c 1000000 /dev/zero >&2"))
	equal(t, "bytes of stdout", len(result.Stdout), 8<<20)
	equal(t, "bytes of stderr", len(result.Stderr), 1_000_000)
	result = run(t, agent, shell("cat; test -t 0 || test -t 1 || test -t 2 || echo none; umask; pwd; readlink /proc/self/fd/0"))
	equal(t, "what it finds", string(result.Stdout), "none\n0022\n/\n/dev/null\n")
}

func TestInputComesWholeAndEnds(t *testing.T) {
	agent := startAgent(t, setup{})
	everything := bytes.Repeat([]byte("0123456789abcdef\xff\x00"), 200_000)
	for name, finish := range map[string]func(*running) error{
		"half-close": func(r *running) error { return r.CloseSend() },
		"stdin_close": func(r *running) error {
			return r.Send(&pb.ExecRequest{Request: &pb.ExecRequest_StdinClose{StdinClose: &pb.StdinClose{}}})
		},
	} {
		echo := begin(t, agent.Client, shell("cat; printf end"))
		for rest := everything; len(rest) > 0; {
			part := rest[:min(len(rest), 100_000)]
			rest = rest[len(part):]
			must(t, echo.Send(&pb.ExecRequest{Request: &pb.ExecRequest_Stdin{Stdin: part}}))
		}
		must(t, finish(echo))
		result, err := echo.end()
		must(t, err)
		equal(t, name+": the exit code", result.Last.GetExitCode(), 0)
		if echo.output.String() != string(everything)+"end" {
			t.Errorf("%s: %d bytes came back changed", name, len(echo.output.String()))
		}
	}
}

func TestOutputComesAsItIsWritten(t *testing.T) {
	agent := startAgent(t, setup{})
	asking := begin(t, agent.Client, shell("echo first; read line; echo got $line"))
	asking.says("first\n")
	asking.input("it\n")
	asking.says("got it\n")
	_, err := asking.end()
	must(t, err)
}

func TestAnEndlessOutputWaitsForItsReader(t *testing.T) {
	agent := startAgent(t, setup{})
	ctx, cancel := context.WithCancel(patiently(t))
	defer cancel()
	stream, err := agent.Exec(ctx, client.GuestService, with(shell("exec cat /dev/zero"), func(s *pb.ExecStart) { s.NoStdin = true }))
	must(t, err)
	first, err := stream.Recv()
	must(t, err)
	pid := first.GetStarted().GetPid()
	// Nobody reads: it stands still, with what is on the way.
	read := func() string {
		content, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		for line := range strings.Lines(string(content)) {
			if value, found := strings.CutPrefix(line, "wchar: "); found {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	before := ""
	waitFor(t, "a standstill", func() bool {
		now := read()
		same := now == before && now != "" && now != "0"
		before = now
		time.Sleep(200 * time.Millisecond)
		return same
	})
	var written int
	fmt.Sscan(before, &written)
	if written == 0 || written > 32<<20 {
		t.Errorf("%d bytes were taken without a reader", written)
	}
}

func TestACommandThatDoesNotReadMayStillBeControlled(t *testing.T) {
	agent := startAgent(t, setup{})
	deaf := begin(t, agent.Client, command("sleep", sleepWord(1)))
	// More than pipe and windows hold: a sender that waits.
	go func() {
		chunk := make([]byte, 1<<20)
		for deaf.Send(&pb.ExecRequest{Request: &pb.ExecRequest_Stdin{Stdin: chunk}}) == nil {
		}
	}()
	_, err := deaf.control(agent, sendSignal(15, pb.Signal_GROUP))
	must(t, err)
	result, err := deaf.end()
	must(t, err)
	equal(t, "the signal", result.Last.GetExit().GetSignalName(), "SIGTERM")
}

func sendSignal(number int32, target pb.Signal_Target) *pb.ControlRequest {
	return &pb.ControlRequest{Action: &pb.ControlRequest_Signal{Signal: &pb.Signal{Number: number, Target: target}}}
}

func TestSignals(t *testing.T) {
	agent := startAgent(t, setup{})
	trapping := begin(t, agent.Client, shell("trap 'echo usr1' USR1; trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done"))
	trapping.says("ready")
	_, err := trapping.control(agent, sendSignal(10, pb.Signal_COMMAND))
	must(t, err)
	trapping.says("usr1")
	_, err = trapping.control(agent, sendSignal(99, pb.Signal_COMMAND))
	equal(t, "a signal that is none", status.Code(err), codes.InvalidArgument)
	_, err = trapping.control(agent, sendSignal(15, pb.Signal_GROUP))
	must(t, err)
	result, err := trapping.end()
	must(t, err)
	equal(t, "its exit code", result.Last.GetExit().GetCode(), 7)
	_, err = trapping.control(agent, sendSignal(15, pb.Signal_GROUP))
	equal(t, "afterwards", status.Code(err), codes.NotFound)
}

// At a terminal the shell's children have groups of their own, and Ctrl-C is for them.
func TestASignalReachesTheForegroundOfTheTerminal(t *testing.T) {
	agent := startAgent(t, setup{})
	// Would the shell end, its terminal would hang up on the child.
	child := `trap "echo the child has it; exit 0" INT; echo ready; while :; do sleep 0.1; done`
	job := begin(t, agent.Client, with(command("sh", "-mc", "trap : INT; sh -c '"+child+"'; :"), func(s *pb.ExecStart) { s.Tty = true }))
	job.says("ready")
	_, err := job.control(agent, sendSignal(2, pb.Signal_GROUP))
	must(t, err)
	job.says("the child has it")
	_, err = job.end()
	must(t, err)
}

func TestAReaderThatGoesAwayIsSIGPIPE(t *testing.T) {
	agent := startAgent(t, setup{})
	talking := begin(t, agent.Client, command("yes"))
	talking.says("y\n")
	_, err := talking.control(agent, &pb.ControlRequest{
		Action: &pb.ControlRequest_CloseOutput{CloseOutput: &pb.CloseOutput{Stdout: true}},
	})
	must(t, err)
	result, err := talking.end()
	must(t, err)
	equal(t, "the signal", result.Last.GetExit().GetSignalName(), "SIGPIPE")
	equal(t, "incomplete", result.Last.GetExit().GetOutputIncomplete(), false)
}

func TestTerminal(t *testing.T) {
	agent := startAgent(t, setup{})
	result := run(t, agent, with(shell("stty size; tty; test -t 0 && test -t 1 && test -t 2 && echo $TERM; exit 5"), func(s *pb.ExecStart) {
		s.Tty, s.Rows, s.Cols = true, 33, 101
	}))
	lines := strings.Split(string(result.Stdout), "\r\n")
	equal(t, "the size", lines[0], "33 101")
	if !strings.HasPrefix(lines[1], "/dev/pts/") {
		t.Errorf("the terminal's name is %q", lines[1])
	}
	equal(t, "its type", lines[2], "xterm")
	equal(t, "the exit code", result.Last.GetExitCode(), 5)

	waiting := begin(t, agent.Client, with(shell("trap 'stty size; exit 3' WINCH; stty size; while :; do sleep 0.1; done"), func(s *pb.ExecStart) {
		s.Tty, s.Term = true, "vt100"
	}))
	waiting.says("24 80")
	must(t, waiting.Send(&pb.ExecRequest{Request: &pb.ExecRequest_Resize{Resize: &pb.WindowSize{Rows: 44, Cols: 132}}}))
	result, err := waiting.end()
	must(t, err)
	waiting.says("44 132")
	equal(t, "the exit code", result.Last.GetExitCode(), 3)
}

func TestTerminalKeysAndTheEndOfInput(t *testing.T) {
	agent := startAgent(t, setup{})
	tty := func(s *pb.ExecStart) { s.Tty = true }
	// No shell: dash loses a signal that comes just before it starts something.
	asleep := begin(t, agent.Client, with(command("sleep", sleepWord(2)), tty))
	asleep.input("\x03")
	result, err := asleep.end()
	must(t, err)
	equal(t, "Ctrl-C", result.Last.GetExit().GetSignalName(), "SIGINT")
	for _, typed := range []string{"line\n", "no line"} {
		reading := begin(t, agent.Client, with(shell("echo ready; cat >/dev/null; echo over"), tty))
		reading.says("ready")
		reading.input(typed)
		must(t, reading.CloseSend())
		reading.says("over")
		result, err := reading.end()
		must(t, err)
		equal(t, "the exit code", result.Last.GetExitCode(), 0)
	}
}

func TestTimeout(t *testing.T) {
	agent := startAgent(t, setup{})
	after := func(ms uint64) func(*pb.ExecStart) { return func(s *pb.ExecStart) { s.TimeoutMs = ms } }
	result := run(t, agent, with(command("sleep", sleepWord(3)), after(300)))
	equal(t, "the exit code", result.Last.GetExitCode(), 124)
	equal(t, "timed out", result.Last.GetExit().GetTimedOut(), true)
	equal(t, "the signal", result.Last.GetExit().GetSignalName(), "SIGTERM")

	// Whoever does not care about SIGTERM, and has left with all that can be left.
	stubborn := shell("trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep " + sleepWord(4) + "; :' & echo; sleep " + sleepWord(5) + "; sleep " + sleepWord(5))
	stubborn.TimeoutMs = 300
	stubborn.KillAfterMs = new(uint64)
	*stubborn.KillAfterMs = 200
	result = run(t, agent, stubborn)
	equal(t, "the exit code", result.Last.GetExitCode(), 124)
	equal(t, "the signal", result.Last.GetExit().GetSignalName(), "SIGKILL")
	equal(t, "left", result.Last.GetExit().GetLeft(), 0)
	if runs(sleepWord(4)) || runs(sleepWord(5)) {
		t.Error("something is left")
	}
	// It ends at SIGTERM; what it started does not.
	result = run(t, agent, with(shell("setsid sh -c 'trap \"\" TERM; sleep "+sleepWord(6)+"; :' & sleep "+sleepWord(7)), after(300)))
	equal(t, "the signal", result.Last.GetExit().GetSignalName(), "SIGTERM")
	if runs(sleepWord(6)) {
		t.Error("something is left")
	}
}

// The ways to end a command before its time. Each leaves nothing.
func TestNothingIsLeft(t *testing.T) {
	for _, withGroups := range []bool{false, true} {
		t.Run(fmt.Sprintf("groups=%v", withGroups), func(t *testing.T) {
			agent := startAgent(t, setup{withGroups: withGroups})
			number := 10
			if withGroups {
				number = 20
			}
			family := func(number int) *pb.ExecStart {
				word := sleepWord(number)
				hidden := ""
				if withGroups {
					// No mark is left of it but the group.
					hidden = "(setsid env -i sh -c 'sleep " + word + "; :' &) ; "
				}
				return shell(hidden + "trap '' HUP; setsid sleep " + word + " & sleep " + word + " & echo ready; sleep " + word)
			}
			t.Run("the client cancels", func(t *testing.T) {
				doomed := begin(t, agent.Client, family(number))
				doomed.says("ready")
				waitFor(t, "its processes", func() bool { return runs(sleepWord(number)) })
				doomed.cancel()
				waitFor(t, "their end", func() bool { return !runs(sleepWord(number)) })
			})
			t.Run("the connection dies", func(t *testing.T) {
				connection := dial(t, agent.socket)
				doomed := begin(t, connection, family(number+1))
				doomed.says("ready")
				waitFor(t, "its processes", func() bool { return runs(sleepWord(number + 1)) })
				connection.Close()
				waitFor(t, "their end", func() bool { return !runs(sleepWord(number + 1)) })
			})
			t.Run("it is killed as a tree", func(t *testing.T) {
				doomed := begin(t, agent.Client, family(number+2))
				doomed.says("ready")
				waitFor(t, "its processes", func() bool { return runs(sleepWord(number + 2)) })
				_, err := doomed.control(agent, sendSignal(9, pb.Signal_TREE))
				must(t, err)
				result, err := doomed.end()
				must(t, err)
				equal(t, "the signal", result.Last.GetExit().GetSignalName(), "SIGKILL")
				equal(t, "left", runs(sleepWord(number+2)), false)
			})
			t.Run("its end is asked for", func(t *testing.T) {
				doomed := begin(t, agent.Client, family(number+3))
				doomed.says("ready")
				waitFor(t, "its processes", func() bool { return runs(sleepWord(number + 3)) })
				asked := sendSignal(15, pb.Signal_COMMAND)
				asked.GetSignal().KillAfterMs = new(uint64)
				*asked.GetSignal().KillAfterMs = 60_000
				_, err := doomed.control(agent, asked)
				must(t, err)
				result, err := doomed.end()
				must(t, err)
				equal(t, "the signal", result.Last.GetExit().GetSignalName(), "SIGTERM")
				equal(t, "left", runs(sleepWord(number+3)), false)
			})
		})
	}
}

// Without a control group it is known by its parent alone, which ends first.
func TestWhoseParentEndsFirstIsStillFound(t *testing.T) {
	killAfter := uint64(60_000)
	ask := func(agent *agent, doomed *running, target pb.Signal_Target) {
		asked := sendSignal(15, target)
		asked.GetSignal().KillAfterMs = &killAfter
		_, err := doomed.control(agent, asked)
		must(t, err)
	}
	for name, expected := range map[string]struct {
		number    int
		timeoutMs uint64
		end       func(*agent, *running)
	}{
		"a timeout":               {33, 1000, func(*agent, *running) {}},
		"a signal to the group":   {34, 0, func(agent *agent, doomed *running) { ask(agent, doomed, pb.Signal_GROUP) }},
		"a signal to the command": {35, 0, func(agent *agent, doomed *running) { ask(agent, doomed, pb.Signal_COMMAND) }},
		"a signal to all":         {36, 0, func(agent *agent, doomed *running) { ask(agent, doomed, pb.Signal_TREE) }},
		"the end of the agent":    {37, 0, func(agent *agent, _ *running) { agent.sessions.Shutdown(patience) }},
	} {
		agent := startAgent(t, setup{})
		word := sleepWord(expected.number)
		// Shielded from SIGTERM: it is to be found for SIGKILL.
		hidden := "(trap '' TERM; exec env -i setsid sleep " + word + ") >/dev/null 2>&1 & "
		doomed := begin(t, agent.Client, with(shell(hidden+"echo $!; exec sleep "+word), func(s *pb.ExecStart) {
			s.TimeoutMs, s.KillAfterMs = expected.timeoutMs, &killAfter
		}))
		doomed.says("\n")
		pid := doomed.output.String()
		if expected.timeoutMs == 0 {
			waitFor(t, "both", func() bool { return commandOf(pid) == "sleep" && commandOf(fmt.Sprint(doomed.pid)) == "sleep" })
		}
		expected.end(agent, doomed)
		result, err := doomed.end()
		must(t, err)
		equal(t, name+": the signal", result.Last.GetExit().GetSignalName(), "SIGTERM")
		if commandOf(pid) != "" {
			t.Errorf("%s: it is left", name)
			killByWord(t, pid)
		}
	}
}

// Without a control group it has no mark left; but the output that it holds tells of it.
func TestWhatIsNotFoundIsNotClaimedToBeGone(t *testing.T) {
	agent := startAgent(t, setup{})
	word := sleepWord(32)
	killAfter := uint64(60_000)
	atOnce := sendSignal(15, pb.Signal_COMMAND)
	atOnce.GetSignal().KillAfterMs = &killAfter
	for name, end := range map[string]*pb.ControlRequest{"its end is asked for": atOnce, "it is killed as a tree": sendSignal(9, pb.Signal_TREE)} {
		doomed := begin(t, agent.Client, shell("(setsid env -i sh -c 'echo hidden $$ .; exec sleep "+word+"' &); echo ready; exec sleep "+word))
		doomed.says("ready")
		doomed.says(" .")
		_, pid, _ := strings.Cut(doomed.output.String(), "hidden ")
		waitFor(t, "both", func() bool { return commandOf(pid) == "sleep" && commandOf(fmt.Sprint(doomed.pid)) == "sleep" })
		_, err := doomed.control(agent, end)
		must(t, err)
		result, err := doomed.end()
		must(t, err)
		equal(t, name+": the hidden one lives", commandOf(pid), "sleep")
		equal(t, name+": incomplete", result.Last.GetExit().GetOutputIncomplete(), true)
		equal(t, name+": left", result.Last.GetExit().GetLeft(), 1)
		killByWord(t, pid)
	}
}

// The first word of a process, or nothing; its pid may be followed by more.
func commandOf(pid string) string {
	var number int
	fmt.Sscan(pid, &number)
	content, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", number))
	word, _, _ := strings.Cut(string(content), "\x00")
	return word
}

func TestADaemonStays(t *testing.T) {
	for _, withGroups := range []bool{false, true} {
		agent := startAgent(t, setup{withGroups: withGroups})
		word := sleepWord(30)
		result := run(t, agent, shell("setsid sleep "+word+" >/dev/null 2>&1 </dev/null & echo $!"))
		equal(t, "incomplete", result.Last.GetExit().GetOutputIncomplete(), false)
		waitFor(t, "the daemon", func() bool { return runs(word) })
		killByWord(t, string(result.Stdout))
		waitFor(t, "its end", func() bool { return !runs(word) })
	}
}

func TestAChildThatHoldsTheOutputIsNotWaitedFor(t *testing.T) {
	agent := startAgent(t, setup{})
	word := sleepWord(31)
	// Of both outputs, or of one: the other has come to its end.
	for _, held := range []string{"", ">/dev/null", "2>/dev/null"} {
		result := run(t, agent, shell("sleep "+word+" "+held+" & echo $!; exit 3"))
		equal(t, "the exit code", result.Last.GetExitCode(), 3)
		equal(t, "incomplete", result.Last.GetExit().GetOutputIncomplete(), true)
		equal(t, "the child", runs(word), true)
		killByWord(t, string(result.Stdout))
	}
}

func killByWord(t *testing.T, pid string) {
	t.Helper()
	var number int
	_, err := fmt.Sscan(pid, &number)
	must(t, err)
	process, err := os.FindProcess(number)
	must(t, err)
	must(t, process.Kill())
}

func TestLimits(t *testing.T) {
	needsRoot(t)
	agent := startAgent(t, setup{})
	result := run(t, agent, with(shell("ulimit -Sn; ulimit -Hn; ulimit -c"), func(s *pb.ExecStart) {
		s.Rlimits = []*pb.Rlimit{{Resource: "NOFILE", Soft: 77, Hard: 99}, {Resource: "CORE", Soft: 0, Hard: 1<<64 - 1}}
	}))
	equal(t, "the limits", string(result.Stdout), "77\n99\n0\n")
	result = run(t, agent, with(command("no-such-command"), func(s *pb.ExecStart) {
		s.Rlimits = []*pb.Rlimit{{Resource: "NOFILE", Soft: 77, Hard: 99}}
	}))
	equal(t, "no command", result.Last.GetError().GetCode(), "CommandNotFound")
}

func TestSessionsAreCounted(t *testing.T) {
	agent := startAgent(t, setup{maxSessions: 2})
	first := begin(t, agent.Client, with(command("cat"), func(s *pb.ExecStart) { s.ExecutionId = "one" }))
	_, err := agent.Run(patiently(t), with(command("true"), func(s *pb.ExecStart) { s.ExecutionId = "one" }))
	equal(t, "an id that is in use", status.Code(err), codes.AlreadyExists)
	second := begin(t, agent.Client, command("cat"))
	_, err = agent.Run(patiently(t), command("true"))
	equal(t, "a third", status.Code(err), codes.ResourceExhausted)
	must(t, first.CloseSend())
	_, err = first.end()
	must(t, err)
	waitFor(t, "a free place", func() bool {
		_, err := agent.Run(patiently(t), command("true"))
		return err == nil
	})
	must(t, second.CloseSend())
	_, err = second.end()
	must(t, err)
}

func TestManyAtOnce(t *testing.T) {
	agent := startAgent(t, setup{withGroups: os.Geteuid() == 0})
	var all sync.WaitGroup
	for number := range 40 {
		all.Go(func() {
			result, err := agent.Run(patiently(t), shell(fmt.Sprintf("head -c 300000 /dev/zero; echo %d >&2; exit %d", number, number)))
			if err != nil || result.Last.GetExitCode() != int32(number) || len(result.Stdout) != 300_000 ||
				string(result.Stderr) != fmt.Sprintf("%d\n", number) {
				t.Errorf("%d: %v %v", number, result.Last, err)
			}
		})
	}
	all.Wait()
}

func TestShutdown(t *testing.T) {
	for name, expected := range map[string]struct {
		trap   string
		grace  time.Duration
		code   int32
		signal string
	}{
		"a polite one":   {"exit 9", patience, 9, ""},
		"a stubborn one": {"", 100 * time.Millisecond, 0, "SIGKILL"},
	} {
		agent := startAgent(t, setup{})
		running := begin(t, agent.Client, shell("trap '"+expected.trap+"' TERM; echo ready; while :; do sleep 0.1; done"))
		running.says("ready")
		done := make(chan struct{})
		go func() {
			agent.sessions.Shutdown(expected.grace)
			close(done)
		}()
		result, err := running.end()
		must(t, err)
		equal(t, name+": its code", result.Last.GetExit().GetCode(), expected.code)
		equal(t, name+": its signal", result.Last.GetExit().GetSignalName(), expected.signal)
		<-done
		_, err = agent.Run(patiently(t), command("true"))
		equal(t, "a new one", status.Code(err), codes.Unavailable)
	}
}

// What a client of the older protocol sends and understands: words as text, one path, no message of ours.
func TestAnOlderClient(t *testing.T) {
	agent := startAgent(t, setup{})
	for _, path := range []string{client.ExecService, client.GuestService} {
		stream, err := agent.Exec(patiently(t), path, &pb.ExecStart{
			Command: []string{"sh", "-c", "cat; echo $WORD; pwd; exit 4"}, Env: map[string]string{"WORD": "w"}, Cwd: "/tmp",
		})
		must(t, err)
		must(t, stream.Send(&pb.ExecRequest{Request: &pb.ExecRequest_Stdin{Stdin: []byte("in\n")}}))
		must(t, stream.CloseSend())
		result, err := client.Collect(stream, nil)
		must(t, err)
		equal(t, "output", string(result.Stdout), "in\nw\n/tmp\n")
		equal(t, "exit code", result.Last.GetExitCode(), 4)
		if result.Started != nil {
			t.Error("it got a message that it does not know")
		}
	}
	stream, err := agent.Exec(patiently(t), client.ExecService, &pb.ExecStart{Command: []string{"no-such-command"}})
	must(t, err)
	result, err := client.Collect(stream, nil)
	must(t, err)
	equal(t, "exit code", result.Last.GetExitCode(), 127)
	equal(t, "why", string(result.Stderr), "guest agent: there is no \"no-such-command\" in the PATH\n")
	stream, err = agent.Exec(patiently(t), client.ExecService, &pb.ExecStart{Command: []string{"sleep", sleepWord(40)}, TimeoutSeconds: 1})
	must(t, err)
	result, err = client.Collect(stream, nil)
	must(t, err)
	equal(t, "a timeout", result.Last.GetExitCode(), 124)
}

func TestAStreamWithoutAStartIsRefused(t *testing.T) {
	agent := startAgent(t, setup{})
	description := &grpc.StreamDesc{StreamName: "Exec", ServerStreams: true, ClientStreams: true}
	for _, first := range []*pb.ExecRequest{{}, {Request: &pb.ExecRequest_Stdin{Stdin: []byte("x")}}} {
		stream, err := agent.NewStream(patiently(t), description, client.GuestService+"Exec")
		must(t, err)
		exec := &client.Exec{ClientStream: stream}
		must(t, exec.Send(first))
		_, err = exec.Recv()
		equal(t, "the answer", status.Code(err), codes.InvalidArgument)
	}
}

func TestHello(t *testing.T) {
	agent := startAgent(t, setup{})
	hello, err := client.Call[pb.HelloResponse](patiently(t), agent.Client, "Hello", &pb.HelloRequest{Client: "test"})
	must(t, err)
	equal(t, "the protocol", hello.GetProtocol(), 1)
	equal(t, "the version", hello.GetVersion(), "test")
	equal(t, "the pid", hello.GetPid(), int32(os.Getpid()))
	equal(t, "sessions", hello.GetMaxSessions(), 64)
}
