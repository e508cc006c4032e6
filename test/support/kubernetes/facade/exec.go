package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/httpstream/wsstream"
	"k8s.io/apimachinery/pkg/util/proxy"
	translator "k8s.io/apiserver/pkg/util/proxy"
)

// execAPI is how the exec subresource behaves.
type execAPI struct {
	// V5 is v5.channel.k8s.io, translated for the kubelet. Without it the server is one of before 1.29: WebSockets go
	// through to the container runtime, and that decides what it speaks.
	V5 bool `json:"v5"`
	// WebSocket is false behind a proxy that knows nothing of WebSockets: it takes the wish to upgrade away.
	WebSocket bool `json:"webSocket"`
	// GetNeedsCreate asks for the right to create pods/exec also where the request is a GET, as 1.35 does.
	GetNeedsCreate bool `json:"getNeedsCreate"`
}

// serveExec does what the API server does with an exec, in the same order: it authorizes, looks at the container's
// name, and makes a connection to the kubelet.
func (s *server) serveExec(w http.ResponseWriter, req *http.Request) {
	behaviour := s.execSettings()
	verb := "create"
	if req.Method == http.MethodGet {
		verb = "get"
	}
	if !s.allow(w, req, podAction(req, verb, "exec")) {
		return
	}
	if verb == "get" && behaviour.GetNeedsCreate && !s.allow(w, req, podAction(req, "create", "exec")) {
		return
	}
	pod, err := s.pods.snapshot(podName(req))
	if err != nil {
		fail(w, err)
		return
	}
	options := execOptions(req.URL.Query())
	container, err := validContainer(options.Container, pod.Pod)
	if err != nil {
		fail(w, err)
		return
	}
	if pod.Spec.NodeName == "" {
		fail(w, apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name)))
		return
	}
	if !behaviour.WebSocket && wsstream.IsWebSocketRequest(req) {
		req.Header.Del("Upgrade")
		req.Header.Del("Connection")
	}
	location := s.kubelet.execLocation(pod.Namespace, pod.Name, container, options)
	passing := proxy.NewUpgradeAwareHandler(location, nil, false, true, responder{})
	if !behaviour.V5 {
		passing.ServeHTTP(w, req)
		return
	}
	translating := translator.NewStreamTranslatorHandler(location, nil, 0, translator.Options{
		Stdin:  options.Stdin,
		Stdout: options.Stdout,
		Stderr: options.Stderr,
		Tty:    options.TTY,
	})
	both := translator.NewTranslatingHandler(passing, translating, wsstream.IsWebSocketRequestWithStreamCloseProtocol)
	both.ServeHTTP(w, req)
}

type responder struct{}

func (responder) Error(w http.ResponseWriter, _ *http.Request, err error) {
	fail(w, err)
}

func execOptions(query url.Values) corev1.PodExecOptions {
	// As the conversion of query parameters has it: anything but these is true.
	flag := func(name string) bool {
		value := query.Get(name)
		return value != "" && value != "0" && !strings.EqualFold(value, "false")
	}
	return corev1.PodExecOptions{
		Stdin:     flag("stdin"),
		Stdout:    flag("stdout"),
		Stderr:    flag("stderr"),
		TTY:       flag("tty"),
		Container: query.Get("container"),
		Command:   query["command"],
	}
}

// validContainer is the container's name, which may be left away where there is only one. The errors are the API
// server's own.
func validContainer(name string, pod *corev1.Pod) (string, error) {
	names := namesOf(pod.Spec.Containers)
	initial := namesOf(pod.Spec.InitContainers)
	if name == "" && len(names) == 1 {
		return names[0], nil
	}
	if name == "" {
		message := fmt.Sprintf("a container name must be specified for pod %s, choose one of: %s", pod.Name, names)
		if len(initial) > 0 {
			message += fmt.Sprintf(" or one of the init containers: %s", initial)
		}
		return "", apierrors.NewBadRequest(message)
	}
	known := append(append([]string{}, names...), initial...)
	for _, each := range pod.Spec.EphemeralContainers {
		known = append(known, each.Name)
	}
	for _, each := range known {
		if each == name {
			return name, nil
		}
	}
	return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
}

func namesOf(containers []corev1.Container) []string {
	names := []string{}
	for _, each := range containers {
		names = append(names, each.Name)
	}
	return names
}
