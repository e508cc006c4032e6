package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// statusAnnotation makes a pod that does not run and has this status (JSON): one that waits for an image, or crashes.
// Clients do not get to see it.
const statusAnnotation = "facade/status"

const (
	nodeName            = "node-1"
	defaultGraceSeconds = 30
	initTimeout         = time.Minute
)

var podResource = schema.GroupResource{Resource: "pods"}

// runningPod is a pod with what containerd has of it.
type runningPod struct {
	*corev1.Pod
	sandbox string
	// containers are the ids by the names, only of those that were started.
	containers map[string]string
}

type podStore struct {
	runtime *containerRuntime
	mutex   sync.RWMutex
	pods    map[types.NamespacedName]*runningPod
	version int
}

func newPodStore(runtime *containerRuntime) *podStore {
	return &podStore{runtime: runtime, pods: map[types.NamespacedName]*runningPod{}}
}

func (s *server) routePods(mux *http.ServeMux) {
	const collection = "/api/v1/namespaces/{namespace}/pods"
	list := func(w http.ResponseWriter, req *http.Request) {
		namespace := req.PathValue("namespace")
		if s.allow(w, req, action{verb: "list", resource: "pods", namespace: namespace}) {
			answer(w, http.StatusOK)(s.pods.list(req, namespace))
		}
	}
	mux.HandleFunc("GET /api/v1/pods", list)
	mux.HandleFunc("GET "+collection, list)
	mux.HandleFunc("POST "+collection, func(w http.ResponseWriter, req *http.Request) {
		namespace := req.PathValue("namespace")
		if s.allow(w, req, action{verb: "create", resource: "pods", namespace: namespace}) {
			answer(w, http.StatusCreated)(s.pods.create(req, namespace))
		}
	})
	mux.HandleFunc("GET "+collection+"/{name}", func(w http.ResponseWriter, req *http.Request) {
		if s.allow(w, req, podAction(req, "get", "")) {
			answer(w, http.StatusOK)(s.pods.get(req.Context(), podName(req)))
		}
	})
	mux.HandleFunc("DELETE "+collection+"/{name}", func(w http.ResponseWriter, req *http.Request) {
		if s.allow(w, req, podAction(req, "delete", "")) {
			answer(w, http.StatusOK)(s.pods.remove(req, podName(req)))
		}
	})
	mux.HandleFunc("GET "+collection+"/{name}/exec", s.serveExec)
	mux.HandleFunc("POST "+collection+"/{name}/exec", s.serveExec)
}

func podName(req *http.Request) types.NamespacedName {
	return types.NamespacedName{Namespace: req.PathValue("namespace"), Name: req.PathValue("name")}
}

func podAction(req *http.Request, verb, subresource string) action {
	name := podName(req)
	return action{verb: verb, resource: "pods", subresource: subresource, namespace: name.Namespace, name: name.Name}
}

// answer writes what a function has returned.
func answer(w http.ResponseWriter, code int) func(any, error) {
	return func(object any, err error) {
		if err != nil {
			fail(w, err)
			return
		}
		write(w, code, object)
	}
}

// create makes the pod and returns when its containers run.
func (s *podStore) create(req *http.Request, namespace string) (any, error) {
	pod := &corev1.Pod{}
	if err := read(req, pod); err != nil {
		return nil, err
	}
	name := types.NamespacedName{Namespace: namespace, Name: pod.Name}
	s.mutex.Lock()
	if _, exists := s.pods[name]; exists {
		s.mutex.Unlock()
		return nil, apierrors.NewAlreadyExists(podResource, pod.Name)
	}
	s.version++
	pod.TypeMeta = metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}
	pod.Namespace = namespace
	pod.UID = uuid.NewUUID()
	pod.ResourceVersion = strconv.Itoa(s.version)
	pod.CreationTimestamp = metav1.Now()
	pod.Spec.NodeName = nodeName
	if pod.Spec.RestartPolicy == "" {
		pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	}
	made := &runningPod{Pod: pod, containers: map[string]string{}}
	s.pods[name] = made
	s.mutex.Unlock()
	if err := s.start(made); err != nil {
		s.end(name, 0)
		return nil, err
	}
	return s.get(req.Context(), name)
}

func (s *podStore) start(made *runningPod) error {
	if text, pretended := made.Annotations[statusAnnotation]; pretended {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(made.Annotations, statusAnnotation)
		if err := json.Unmarshal([]byte(text), &made.Status); err != nil {
			return apierrors.NewBadRequest(err.Error())
		}
		if made.Status.HostIP == "" {
			// Nobody has been found yet who could run it.
			made.Spec.NodeName = ""
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), runtimeTimeout)
	defer cancel()
	sandbox, err := s.runtime.runSandbox(ctx, made.Pod)
	if err != nil {
		return err
	}
	s.mutex.Lock()
	made.sandbox = sandbox
	s.mutex.Unlock()
	for _, each := range made.Spec.InitContainers {
		id, err := s.startOne(ctx, made, each)
		if err != nil {
			return err
		}
		if err := s.ended(id); err != nil {
			return err
		}
	}
	for _, each := range made.Spec.Containers {
		if _, err := s.startOne(ctx, made, each); err != nil {
			return err
		}
	}
	return nil
}

func (s *podStore) startOne(ctx context.Context, made *runningPod, wanted corev1.Container) (string, error) {
	id, err := s.runtime.startContainer(ctx, made.Pod, made.sandbox, wanted)
	if err != nil {
		return "", fmt.Errorf("container %s: %w", wanted.Name, err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	made.containers[wanted.Name] = id
	return id, nil
}

// ended waits until a container has done its work.
func (s *podStore) ended(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), initTimeout)
	defer cancel()
	for {
		state, err := s.runtime.state(ctx, id)
		if err != nil {
			return err
		}
		if state.State == cri.ContainerState_CONTAINER_EXITED {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// snapshot is a copy of a pod that nobody changes any more.
func (s *podStore) snapshot(name types.NamespacedName) (*runningPod, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	found, exists := s.pods[name]
	if !exists {
		return nil, apierrors.NewNotFound(podResource, name.Name)
	}
	containers := map[string]string{}
	for each, id := range found.containers {
		containers[each] = id
	}
	return &runningPod{Pod: found.Pod.DeepCopy(), sandbox: found.sandbox, containers: containers}, nil
}

func (s *podStore) get(ctx context.Context, name types.NamespacedName) (any, error) {
	pod, err := s.snapshot(name)
	if err != nil {
		return nil, err
	}
	return s.withStatus(ctx, pod), nil
}

func (s *podStore) list(req *http.Request, namespace string) (any, error) {
	query := req.URL.Query()
	byLabel, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	byField, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	for _, each := range byField.Requirements() {
		if !slices.Contains([]string{"metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"}, each.Field) {
			return nil, apierrors.NewBadRequest("field label not supported: " + each.Field)
		}
	}
	found := &corev1.PodList{
		TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"},
		Items:    []corev1.Pod{},
	}
	for _, name := range s.names(namespace) {
		pod, err := s.snapshot(name)
		if err != nil {
			continue // Removed meanwhile.
		}
		shown := s.withStatus(req.Context(), pod)
		if byLabel.Matches(labels.Set(shown.Labels)) && byField.Matches(fieldsOf(shown)) {
			// The items of a list do not say what they are.
			shown.TypeMeta = metav1.TypeMeta{}
			found.Items = append(found.Items, *shown)
		}
	}
	s.mutex.RLock()
	found.ResourceVersion = strconv.Itoa(s.version)
	s.mutex.RUnlock()
	return found, nil
}

// names are those in a namespace, or all; sorted as the API server's storage is.
func (s *podStore) names(namespace string) []types.NamespacedName {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	var found []types.NamespacedName
	for name := range s.pods {
		if namespace == "" || namespace == name.Namespace {
			found = append(found, name)
		}
	}
	slices.SortFunc(found, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	return found
}

func fieldsOf(pod *corev1.Pod) fields.Set {
	return fields.Set{
		"metadata.name":      pod.Name,
		"metadata.namespace": pod.Namespace,
		"spec.nodeName":      pod.Spec.NodeName,
		"status.phase":       string(pod.Status.Phase),
	}
}

// remove answers at once with the pod that is about to go, as a real API server does; then its containers are stopped.
func (s *podStore) remove(req *http.Request, name types.NamespacedName) (any, error) {
	options := &metav1.DeleteOptions{}
	if req.ContentLength > 0 {
		if err := read(req, options); err != nil {
			return nil, err
		}
	}
	grace := int64(defaultGraceSeconds)
	if text := req.URL.Query().Get("gracePeriodSeconds"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		grace = seconds
	} else if options.GracePeriodSeconds != nil {
		grace = *options.GracePeriodSeconds
	}
	s.mutex.Lock()
	found, exists := s.pods[name]
	if exists && found.DeletionTimestamp == nil {
		when := metav1.NewTime(time.Now().Add(time.Duration(grace) * time.Second))
		found.DeletionTimestamp = &when
		found.DeletionGracePeriodSeconds = &grace
		go s.end(name, time.Duration(grace)*time.Second)
	}
	s.mutex.Unlock()
	return s.get(req.Context(), name)
}

func (s *podStore) end(name types.NamespacedName, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), runtimeTimeout+grace)
	defer cancel()
	pod, err := s.snapshot(name)
	if err != nil {
		return
	}
	var stopping sync.WaitGroup
	for _, id := range pod.containers {
		stopping.Add(1)
		go func() {
			defer stopping.Done()
			s.runtime.stopContainer(ctx, id, grace) //nolint:errcheck // removing the sandbox stops it too
		}()
	}
	stopping.Wait()
	if pod.sandbox != "" {
		if err := s.runtime.removeSandbox(ctx, pod.sandbox); err != nil {
			report(fmt.Errorf("removing pod %s: %w", name, err))
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.pods, name)
}

// containerProcess is a container and the host's pid of its first process; 0 when it has ended.
type containerProcess struct {
	Name string `json:"name"`
	ID   string `json:"id"`
	Pid  int    `json:"pid"`
}

// containersOf are the pod's containers that were started, for the one who looks at their processes from outside.
func (s *podStore) containersOf(name types.NamespacedName) ([]containerProcess, error) {
	pod, err := s.snapshot(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), runtimeTimeout)
	defer cancel()
	found := []containerProcess{}
	for _, each := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		id, started := pod.containers[each.Name]
		if !started {
			continue
		}
		state, err := s.runtime.state(ctx, id)
		if err != nil {
			return nil, err
		}
		found = append(found, containerProcess{Name: each.Name, ID: id, Pid: state.pid})
	}
	return found, nil
}
