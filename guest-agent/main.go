// The guest agent of proxmox-lxcri: runs commands for the host of a microVM, over vsock.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/listen"
	"proxmox-lxcri/guest-agent/internal/reaper"
	"proxmox-lxcri/guest-agent/internal/rootfs"
	"proxmox-lxcri/guest-agent/internal/service"
	"proxmox-lxcri/guest-agent/internal/session"
	"proxmox-lxcri/guest-agent/internal/tree"
)

// Set by the build: that of the package.
var version = "development"

const (
	defaultAddress     = "vsock:2222"
	defaultMaxSessions = 64
	defaultGrace       = 10 * time.Second
	// The host may start its end first, and a driver may come late.
	listenDeadline = 30 * time.Second
	// After the time of grace, for what was killed to go.
	endDeadline = 10 * time.Second
)

type settings struct {
	addresses   []string
	allowedCIDs []uint32
	root        string
	maxSessions int
	grace       time.Duration
	noCgroup    bool
	version     bool
}

// The kernel gives signals to the first thread. Was it waiting for a file that never answers, SIGTERM would be lost; so it
// is kept for the main function, which does nothing of the kind.
func init() { runtime.LockOSThread() }

func main() {
	asked, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		os.Exit(2)
	}
	if asked.version {
		fmt.Println(version)
		return
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	err = run(asked, log)
	if err != nil {
		log.Error(err.Error())
	}
	if os.Getpid() == 1 {
		powerOff()
	}
	if err != nil {
		os.Exit(1)
	}
}

func parse(words []string, output io.Writer) (settings, error) {
	asked := settings{}
	flags := flag.NewFlagSet("proxmox-lxcri-agent", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.Func("listen", "`ADDRESS` to listen at: vsock:PORT or unix:PATH; repeatable (default "+defaultAddress+")", func(text string) error {
		asked.addresses = append(asked.addresses, text)
		return listen.Check(text)
	})
	flags.Func("allow-cid", "`CID` that may connect over vsock; repeatable (default 2, the host)", func(text string) error {
		cid, err := strconv.ParseUint(text, 10, 32)
		asked.allowedCIDs = append(asked.allowedCIDs, uint32(cid))
		return err
	})
	flags.StringVar(&asked.root, "root", rootfs.Auto, "`DIRECTORY` that is the root of commands and copies; auto: /overlay/newroot where it is there, else /")
	flags.IntVar(&asked.maxSessions, "max-sessions", defaultMaxSessions, "`NUMBER` of commands that may run at the same time")
	flags.DurationVar(&asked.grace, "grace", defaultGrace, "`TIME` between SIGTERM and SIGKILL for running commands when the agent is ended")
	flags.BoolVar(&asked.noCgroup, "no-cgroup", false, "make no control groups")
	flags.BoolVar(&asked.version, "version", false, "print the version")
	if err := flags.Parse(words); err != nil {
		return asked, err
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("there is no operand %q", flags.Arg(0))
	case asked.maxSessions < 1 || asked.maxSessions > 4096:
		err = errors.New("--max-sessions is 1 to 4096")
	case asked.grace < 0:
		err = errors.New("--grace is not negative")
	case asked.root != rootfs.Auto && !filepath.IsAbs(asked.root):
		err = errors.New("--root is an absolute path")
	}
	if err != nil {
		fmt.Fprintln(output, "proxmox-lxcri-agent:", err)
		return asked, err
	}
	asked.root = filepath.Clean(asked.root)
	if len(asked.addresses) == 0 {
		asked.addresses = []string{defaultAddress}
	}
	if len(asked.allowedCIDs) == 0 {
		asked.allowedCIDs = []uint32{listen.HostCID}
	}
	return asked, nil
}

func run(asked settings, log *slog.Logger) error {
	// With a handler for each, commands start with the defaults, also of those that were ignored when we started.
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, unix.SIGTERM, unix.SIGINT)
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, unix.SIGHUP, unix.SIGPIPE)
	listeners, err := openAll(asked, log, stops)
	if err != nil {
		return err
	}
	processes := reaper.New()
	if os.Getpid() == 1 {
		go processes.ReapOrphans()
	}
	groups, capabilities := openGroups(asked, log)
	defer groups.Close()
	sessions := session.NewManager(session.Options{
		Root: asked.root, MaxSessions: asked.maxSessions, Groups: groups, Log: log, Processes: processes,
	})
	server := service.New(service.Options{
		Version: version, Sessions: sessions, Root: asked.root, MaxSessions: asked.maxSessions,
		Capabilities: capabilities, Log: log,
	})
	failures := make(chan error, len(listeners))
	var serving sync.WaitGroup
	for _, listener := range listeners {
		serving.Go(func() {
			if err := server.Serve(service.Limit(listener, log)); err != nil {
				failures <- err
			}
		})
	}
	root := rootfs.Path(asked.root)
	if opened, err := rootfs.Open(root); err == nil {
		opened.Close()
	} else {
		log.Warn("there is no root directory yet: no command starts without it", "reason", err.Error())
	}
	log.Info("ready", "version", version, "listen", asked.addresses, "root", root, "cgroup", groups != nil)
	select {
	case err = <-failures:
	case got := <-stops:
		log.Info("ending", "signal", unix.SignalName(got.(unix.Signal)))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		sessions.Shutdown(asked.grace)
		// What the sessions said last is still on its way.
		stopped := time.AfterFunc(time.Second, server.Stop)
		server.GracefulStop()
		stopped.Stop()
		serving.Wait()
	}()
	// A process or a file that nothing can wake must not keep the machine from being switched off.
	if !isClosedWithin(ended, asked.grace) && !isClosedWithin(ended, endDeadline) {
		log.Warn("not everything has ended")
	}
	return err
}

func isClosedWithin(done <-chan struct{}, limit time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

func openGroups(asked settings, log *slog.Logger) (*tree.Groups, []string) {
	if asked.noCgroup {
		return nil, nil
	}
	groups, err := tree.NewGroups()
	if err != nil {
		log.Warn("no control groups: the processes of a command are found by descent, session and environment", "reason", err.Error())
		return nil, nil
	}
	return groups, []string{"cgroup"}
}

func openAll(asked settings, log *slog.Logger, stops <-chan os.Signal) ([]net.Listener, error) {
	var opened []net.Listener
	deadline := time.Now().Add(listenDeadline)
	for _, address := range asked.addresses {
		for told := false; ; told = true {
			listener, err := listen.Open(address, asked.allowedCIDs, log)
			if err == nil {
				opened = append(opened, listener)
				break
			}
			if !isTooEarly(address, err) || time.Now().After(deadline) {
				closeAll(opened)
				return nil, err
			}
			if !told {
				log.Warn("waiting for vsock", "reason", err.Error())
			}
			select {
			case <-stops:
				closeAll(opened)
				return nil, errors.New("ended before there was a vsock")
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return opened, nil
}

// The driver of the vsock device is not there yet.
func isTooEarly(address string, err error) bool {
	return strings.HasPrefix(address, "vsock:") &&
		(errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EADDRNOTAVAIL))
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		listener.Close()
	}
}

// PID 1 must not end: the kernel would panic.
func powerOff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	for {
		time.Sleep(time.Hour)
	}
}
