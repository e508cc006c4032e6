package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
)

// server is the API server.
type server struct {
	users   *users
	pods    *podStore
	objects *objectStore
	kubelet *kubelet
	log     requestLog

	mutex sync.RWMutex
	exec  execAPI
}

// request is one that came, for tests that look at what a client sends.
type request struct {
	User   string `json:"user"`
	Method string `json:"method"`
	// URI has the query.
	URI string `json:"uri"`
	// Protocol is what the client wanted to upgrade to, and its subprotocols.
	Protocol string `json:"protocol,omitempty"`
}

type requestLog struct {
	mutex    sync.Mutex
	requests []request
}

func (l *requestLog) add(one request) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.requests = append(l.requests, one)
}

func (l *requestLog) all() []request {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return append([]request{}, l.requests...)
}

func newServer(given settings) (*server, error) {
	runtimes, err := dialRuntime(given.Socket, given.CgroupParent)
	if err != nil {
		return nil, err
	}
	pods := newPodStore(runtimes)
	kubelet, err := startKubelet(pods, runtimes)
	if err != nil {
		return nil, err
	}
	return &server{
		users:   newUsers(given.Users),
		pods:    pods,
		objects: newObjectStore(),
		kubelet: kubelet,
		exec:    given.Exec,
	}, nil
}

// listen serves on a free port of 127.0.0.1, which it returns.
func (s *server) listen(given settings) (int, error) {
	certificate, err := tls.LoadX509KeyPair(given.CertFile, given.KeyFile)
	if err != nil {
		return 0, err
	}
	authority, err := os.ReadFile(given.ClientCAFile)
	if err != nil {
		return 0, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		return 0, fmt.Errorf("%s holds no certificate", given.ClientCAFile)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	serving := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 30 * time.Second,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{certificate},
			ClientCAs:    clients,
			ClientAuth:   tls.VerifyClientCertIfGiven,
		},
		// Clients that hang up in the middle are what tests are about.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go serving.ServeTLS(listener, "", "") //nolint:errcheck // ends with the process
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (s *server) setExec(wanted execAPI) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.exec = wanted
}

func (s *server) execSettings() execAPI {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.exec
}

// handler has the routes; what is not among them is 404 in plain text, as in a real API server.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, s.version())
	})
	s.routeDiscovery(mux)
	s.routePods(mux)
	s.routeObjects(mux)
	s.routeReviews(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		name, err := s.users.authenticate(req)
		s.log.add(request{
			User:     name,
			Method:   req.Method,
			URI:      req.URL.RequestURI(),
			Protocol: protocolOf(req),
		})
		if err != nil {
			fail(w, err)
			return
		}
		mux.ServeHTTP(w, req.WithContext(withUser(req.Context(), name)))
	})
}

// The version is one that fits what the exec subresource does: v5 came with 1.29.
func (s *server) version() version.Info {
	minor := "33"
	if !s.execSettings().V5 {
		minor = "28"
	}
	return version.Info{
		Major:        "1",
		Minor:        minor,
		GitVersion:   "v1." + minor + ".13",
		GitCommit:    "0000000000000000000000000000000000000000",
		GitTreeState: "clean",
		BuildDate:    "2026-01-01T00:00:00Z",
		GoVersion:    "go1.24.0",
		Compiler:     "gc",
		Platform:     "linux/amd64",
	}
}

// allow says whether the sender may do this, and answers 403 if not.
func (s *server) allow(w http.ResponseWriter, req *http.Request, wanted action) bool {
	name := userOf(req.Context())
	if s.users.may(name, wanted) {
		return true
	}
	fail(w, forbidden(name, wanted))
	return false
}

func write(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(object) //nolint:errcheck // the client has gone
}

// fail answers with a Status object.
func fail(w http.ResponseWriter, err error) {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		known = apierrors.NewInternalError(err)
	}
	status := known.Status()
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	write(w, int(status.Code), status)
}

// The form that new versions of kubectl send objects in: this, and a runtime.Unknown that wraps the object.
const protobufPrefix = "k8s\x00"

// read takes an object from a request; the error is the answer.
func read(req *http.Request, into runtime.Object) error {
	body, err := io.ReadAll(io.LimitReader(req.Body, 3<<20))
	if err == nil {
		err = decode(body, into)
	}
	if err != nil {
		return apierrors.NewBadRequest("the object provided is unrecognized: " + err.Error())
	}
	return nil
}

func decode(body []byte, into runtime.Object) error {
	wrapped, isProtobuf := bytes.CutPrefix(body, []byte(protobufPrefix))
	if !isProtobuf {
		return json.Unmarshal(body, into)
	}
	var unknown runtime.Unknown
	if err := unknown.Unmarshal(wrapped); err != nil {
		return err
	}
	return into.(interface{ Unmarshal([]byte) error }).Unmarshal(unknown.Raw)
}
