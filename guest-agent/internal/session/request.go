package session

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"proxmox-lxcri/guest-agent/internal/account"
	"proxmox-lxcri/guest-agent/internal/launch"
	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/rootfs"
	"proxmox-lxcri/guest-agent/internal/tree"
)

const (
	maxExecutionID   = 64
	maxWords         = 1 << 16
	maxVariables     = 1 << 14
	maxGroups        = 1 << 10
	defaultKillAfter = 10 * time.Second
	reservedPrefix   = "PROXMOX_LXCRI_"
)

// What is asked for, checked as far as it can be without the guest.
type request struct {
	id          string
	knowsOurs   bool
	argv        []string
	env         []string
	workdir     string
	user, group string
	groups      []string
	terminal    *launch.Size
	term        string
	noStdin     bool
	rlimits     []launch.Rlimit
	timeout     time.Duration
	killAfter   time.Duration
}

func usage(format string, words ...any) *launch.Refusal {
	return &launch.Refusal{Code: launch.UsageError, Message: fmt.Sprintf(format, words...)}
}

// The request has an id and says whether its client knows us also where it is refused.
func parse(start *pb.ExecStart) (request, *launch.Refusal) {
	asked := request{
		id: start.GetExecutionId(), knowsOurs: start.GetProtocol() > 0, workdir: start.GetCwd(),
		user: start.GetUser(), group: start.GetGroup(), groups: start.GetGroups(), noStdin: start.GetNoStdin(),
		killAfter: defaultKillAfter,
	}
	if asked.id == "" {
		asked.id = randomUUID()
	} else if !isExecutionID(asked.id) {
		asked.id = randomUUID()
		return asked, usage("execution_id is 1 to %d of the characters 0-9 A-Z a-z . _ -, and does not start with a dot", maxExecutionID)
	}
	if start.GetSession() != 0 {
		return asked, usage("this agent has no desktop session")
	}
	asked.argv = start.GetCommand()
	if len(start.GetArgv()) > 0 {
		asked.argv = nil
		for _, word := range start.GetArgv() {
			asked.argv = append(asked.argv, string(word))
		}
	}
	if len(asked.argv) > maxWords {
		return asked, usage("a command has at most %d words", maxWords)
	}
	if slices.ContainsFunc(asked.argv, hasNUL) {
		return asked, usage("a word of the command has a NUL byte")
	}
	if len(start.GetCwdBytes()) > 0 {
		asked.workdir = string(start.GetCwdBytes())
	}
	if hasNUL(asked.workdir) {
		return asked, usage("the working directory has a NUL byte")
	}
	if len(asked.groups) > maxGroups {
		return asked, usage("there are at most %d further groups", maxGroups)
	}
	if refusal := asked.takeEnvironment(start); refusal != nil {
		return asked, refusal
	}
	if refusal := asked.takeLimits(start); refusal != nil {
		return asked, refusal
	}
	return asked, asked.takeTerminal(start)
}

func (r *request) takeEnvironment(start *pb.ExecStart) *launch.Refusal {
	for _, key := range slices.Sorted(maps.Keys(start.GetEnv())) {
		r.env = append(r.env, key+"="+start.GetEnv()[key])
	}
	for _, entry := range start.GetEnviron() {
		r.env = append(r.env, string(entry))
	}
	if len(r.env) > maxVariables {
		return usage("there are at most %d environment variables", maxVariables)
	}
	for _, entry := range r.env {
		key, _, isAssignment := strings.Cut(entry, "=")
		// No value in a message: it may be a secret.
		if !isAssignment || key == "" || hasNUL(entry) {
			return usage("an environment variable is KEY=VALUE without NUL bytes")
		}
		if strings.HasPrefix(key, reservedPrefix) {
			return usage("environment variables %s* are reserved", reservedPrefix)
		}
	}
	return nil
}

func (r *request) takeLimits(start *pb.ExecStart) *launch.Refusal {
	for _, limit := range start.GetRlimits() {
		resource, known := launch.ResourceOf(limit.GetResource())
		if !known {
			return usage("there is no limit %q", limit.GetResource())
		}
		if limit.GetSoft() > limit.GetHard() {
			return usage("the soft limit of %s is above the hard one", limit.GetResource())
		}
		r.rlimits = append(r.rlimits, launch.Rlimit{Resource: resource, Soft: limit.GetSoft(), Hard: limit.GetHard()})
	}
	if start.GetTimeoutSeconds() < 0 {
		return usage("a timeout is not negative")
	}
	r.timeout = time.Duration(start.GetTimeoutSeconds()) * time.Second
	if start.GetTimeoutMs() > 0 {
		r.timeout = milliseconds(start.GetTimeoutMs())
	}
	if start.KillAfterMs != nil {
		r.killAfter = milliseconds(start.GetKillAfterMs())
	}
	return nil
}

func (r *request) takeTerminal(start *pb.ExecStart) *launch.Refusal {
	if !start.GetTty() {
		return nil
	}
	size, refusal := sizeOf(start.GetRows(), start.GetCols())
	if refusal != nil {
		return refusal
	}
	r.terminal = &size
	r.term = start.GetTerm()
	switch {
	case hasNUL(r.term):
		return usage("the terminal's type has a NUL byte")
	case r.term == "" && r.knowsOurs:
		r.term = "xterm"
	case r.term == "":
		r.term = "xterm-256color"
	}
	return nil
}

// 0 is the default, as an old client has it.
func sizeOf(rows, columns uint32) (launch.Size, *launch.Refusal) {
	if rows > math.MaxUint16 || columns > math.MaxUint16 {
		return launch.Size{}, usage("a terminal has at most %d rows and columns", math.MaxUint16)
	}
	if rows == 0 {
		rows = 24
	}
	if columns == 0 {
		columns = 80
	}
	return launch.Size{Rows: uint16(rows), Cols: uint16(columns)}, nil
}

// Fills in what only the root directory knows.
func (r *request) command(rootPath string) (launch.Command, *launch.Refusal) {
	command := launch.Command{
		Root: rootPath, Workdir: r.workdir, Argv: r.argv, Terminal: r.terminal, NoStdin: r.noStdin, Rlimits: r.rlimits,
	}
	root, err := rootfs.Open(rootPath)
	if err != nil {
		return command, &launch.Refusal{Code: launch.OperationFailed, Message: "the root directory cannot be opened: " + err.Error()}
	}
	defer root.Close()
	own := uint32(os.Geteuid())
	user, err := account.Lookup(root, r.user, r.group, r.groups, own)
	var missing *account.NotFoundError
	switch {
	case errors.As(err, &missing):
		return command, &launch.Refusal{Code: launch.UserNotFound, Message: err.Error()}
	case err != nil:
		return command, &launch.Refusal{Code: launch.OperationFailed, Message: "names cannot be looked up: " + err.Error() + " (numbers can be used instead)"}
	case !launch.CanSetUser() && !r.isOurs(user):
		return command, &launch.Refusal{Code: launch.PermissionDenied, Message: "the agent does not run as root: its commands run as its own user only"}
	}
	command.Account = user
	if len(command.Argv) == 0 {
		command.Argv = []string{user.Shell, "-l"}
	}
	env := account.Environment(root, user)
	if kind, isSet := os.LookupEnv("container"); isSet {
		env = append(env, "container="+kind)
	}
	if r.terminal != nil {
		env = append(env, "TERM="+r.term)
	}
	env = append(env, r.env...)
	command.Env = withoutRepetition(append(env, tree.TagVariable+"="+r.id))
	return command, nil
}

// Whether what is asked for is no change of the agent's own user and groups.
func (r *request) isOurs(user account.Account) bool {
	if user.UID != uint32(os.Geteuid()) || r.group != "" && user.GID != uint32(os.Getegid()) {
		return false
	}
	if len(r.groups) == 0 {
		return true
	}
	ours, err := os.Getgroups()
	return err == nil && !slices.ContainsFunc(user.Groups, func(gid uint32) bool {
		return gid != uint32(os.Getegid()) && !slices.Contains(ours, int(gid))
	})
}

// The last of a key holds, at the place of the first.
func withoutRepetition(env []string) []string {
	places := map[string]int{}
	var kept []string
	for _, entry := range env {
		key, _, _ := strings.Cut(entry, "=")
		if place, isThere := places[key]; isThere {
			kept[place] = entry
			continue
		}
		places[key] = len(kept)
		kept = append(kept, entry)
	}
	return kept
}

func isExecutionID(id string) bool {
	if len(id) > maxExecutionID || id[0] == '.' {
		return false
	}
	for _, char := range []byte(id) {
		isLetter := char >= 'A' && char <= 'Z' || char >= 'a' && char <= 'z'
		if !isLetter && (char < '0' || char > '9') && char != '.' && char != '_' && char != '-' {
			return false
		}
	}
	return true
}

func randomUUID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func hasNUL(text string) bool { return strings.IndexByte(text, 0) >= 0 }

// More than the clock can count is for ever, as far as anybody will see.
func milliseconds(count uint64) time.Duration {
	return time.Duration(min(count, math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond
}
