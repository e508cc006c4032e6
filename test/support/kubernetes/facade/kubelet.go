package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/apimachinery/pkg/util/uuid"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// kubelet is the part between the API server and containerd: it finds the container, asks containerd where its
// streaming server waits, and passes the connection on to there. Its errors are text, not Status objects.
type kubelet struct {
	pods    *podStore
	runtime *containerRuntime
	address string
	// secret is in the path of every request: a real kubelet wants a certificate.
	secret string
}

func startKubelet(pods *podStore, runtime *containerRuntime) (*kubelet, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	made := &kubelet{pods: pods, runtime: runtime, address: listener.Addr().String(), secret: string(uuid.NewUUID())}
	mux := http.NewServeMux()
	path := fmt.Sprintf("/%s/exec/{namespace}/{pod}/{container}", made.secret)
	mux.HandleFunc("GET "+path, made.serveExec)
	mux.HandleFunc("POST "+path, made.serveExec)
	serving := &http.Server{Handler: mux, ReadHeaderTimeout: 30 * time.Second}
	go serving.Serve(listener) //nolint:errcheck // ends with the process
	return made, nil
}

// execLocation has the parameters by the names that a kubelet gives them.
func (k *kubelet) execLocation(namespace, pod, container string, options corev1.PodExecOptions) *url.URL {
	query := url.Values{}
	for name, wanted := range map[string]bool{
		"input": options.Stdin, "output": options.Stdout, "error": options.Stderr, "tty": options.TTY,
	} {
		if wanted {
			query.Set(name, "1")
		}
	}
	for _, each := range options.Command {
		query.Add("command", each)
	}
	path := fmt.Sprintf("/%s/exec/%s/%s/%s", k.secret, namespace, pod, container)
	return &url.URL{Scheme: "http", Host: k.address, Path: path, RawQuery: query.Encode()}
}

func (k *kubelet) serveExec(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	wanted := &cri.ExecRequest{
		Cmd:    query["command"],
		Stdin:  query.Get("input") == "1",
		Stdout: query.Get("output") == "1",
		Stderr: query.Get("error") == "1",
		Tty:    query.Get("tty") == "1",
	}
	if wanted.Tty {
		// A terminal has one output.
		wanted.Stderr = false
	}
	if !wanted.Stdin && !wanted.Stdout && !wanted.Stderr {
		http.Error(w, "you must specify at least 1 of stdin, stdout, stderr", http.StatusBadRequest)
		return
	}
	name := types.NamespacedName{Namespace: req.PathValue("namespace"), Name: req.PathValue("pod")}
	pod, err := k.pods.snapshot(name)
	if err != nil {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return
	}
	location, err := k.streamingServer(req.Context(), pod, req.PathValue("container"), wanted)
	if err != nil {
		writeError(w, err)
		return
	}
	proxy.NewUpgradeAwareHandler(location, nil, false, true, textResponder{}).ServeHTTP(w, req)
}

func (k *kubelet) streamingServer(
	ctx context.Context, pod *runningPod, container string, wanted *cri.ExecRequest,
) (*url.URL, error) {
	id, started := pod.containers[container]
	if !started {
		return nil, fmt.Errorf("container not found (%q)", container)
	}
	wanted.ContainerId = id
	text, err := k.runtime.execURL(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return url.Parse(text)
}

// writeError has the codes of a kubelet.
func writeError(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch status.Code(err) {
	case codes.NotFound:
		code = http.StatusNotFound
	case codes.ResourceExhausted:
		code = http.StatusTooManyRequests
	}
	w.WriteHeader(code)
	fmt.Fprint(w, err.Error())
}

type textResponder struct{}

func (textResponder) Error(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
