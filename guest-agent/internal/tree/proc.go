package tree

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// What /proc tells of a process.
type info struct {
	pid, parent, session int
	state                byte
	// In clock ticks since boot: with the pid it names a process for good.
	startTime uint64
}

// All processes, but those that have ended and wait to be reaped.
func all() []info {
	names, err := readNames("/proc")
	if err != nil {
		return nil
	}
	var found []info
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if process, ok := read(pid); ok {
			found = append(found, process)
		}
	}
	return found
}

func readNames(path string) ([]string, error) {
	directory, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	return directory.Readdirnames(-1)
}

func read(pid int) (info, bool) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return info{}, false
	}
	process, ok := parseStat(string(content))
	return process, ok && process.state != 'Z' && process.state != 'X'
}

// proc_pid_stat(5). The name, in parentheses, is the program's to choose and may hold anything.
func parseStat(line string) (info, bool) {
	before, _, _ := strings.Cut(line, " ")
	end := strings.LastIndex(line, ") ")
	if end < 0 {
		return info{}, false
	}
	fields := strings.Fields(line[end+2:])
	// From field 3, state, to field 22, starttime.
	if len(fields) < 20 || len(fields[0]) != 1 {
		return info{}, false
	}
	process := info{state: fields[0][0]}
	var err error
	for _, number := range []struct {
		text string
		into *int
	}{{before, &process.pid}, {fields[1], &process.parent}, {fields[3], &process.session}} {
		if *number.into, err = strconv.Atoi(number.text); err != nil {
			return info{}, false
		}
	}
	process.startTime, err = strconv.ParseUint(fields[19], 10, 64)
	return process, err == nil
}

// The environment that it was started with.
func hasVariable(pid int, entry string) bool {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	for variable := range bytes.SplitSeq(content, []byte{0}) {
		if string(variable) == entry {
			return true
		}
	}
	return false
}
