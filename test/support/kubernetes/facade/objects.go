package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"
)

// workload is a kind of object that owns pods. They are only kept: nobody makes their pods.
type workload struct {
	group    string
	resource string
	kind     string
	short    string
	empty    func() runtime.Object
}

var workloads = []workload{
	{"apps", "deployments", "Deployment", "deploy", func() runtime.Object { return &appsv1.Deployment{} }},
	{"apps", "statefulsets", "StatefulSet", "sts", func() runtime.Object { return &appsv1.StatefulSet{} }},
	{"apps", "daemonsets", "DaemonSet", "ds", func() runtime.Object { return &appsv1.DaemonSet{} }},
	{"apps", "replicasets", "ReplicaSet", "rs", func() runtime.Object { return &appsv1.ReplicaSet{} }},
	{"batch", "jobs", "Job", "", func() runtime.Object { return &batchv1.Job{} }},
}

type objectKey struct{ resource, namespace, name string }

type objectStore struct {
	mutex   sync.RWMutex
	objects map[objectKey]runtime.Object
}

func newObjectStore() *objectStore {
	return &objectStore{objects: map[objectKey]runtime.Object{}}
}

func (s *server) routeObjects(mux *http.ServeMux) {
	for _, kind := range workloads {
		resource := schema.GroupResource{Group: kind.group, Resource: kind.resource}
		collection := "/apis/" + kind.group + "/v1/namespaces/{namespace}/" + kind.resource
		wanted := func(req *http.Request, verb string) action {
			return action{
				verb:      verb,
				group:     kind.group,
				resource:  kind.resource,
				namespace: req.PathValue("namespace"),
				name:      req.PathValue("name"),
			}
		}
		mux.HandleFunc("POST "+collection, func(w http.ResponseWriter, req *http.Request) {
			if s.allow(w, req, wanted(req, "create")) {
				answer(w, http.StatusCreated)(s.objects.create(req, kind))
			}
		})
		mux.HandleFunc("GET "+collection, func(w http.ResponseWriter, req *http.Request) {
			if s.allow(w, req, wanted(req, "list")) {
				write(w, http.StatusOK, s.objects.list(req.PathValue("namespace"), kind))
			}
		})
		mux.HandleFunc("GET "+collection+"/{name}", func(w http.ResponseWriter, req *http.Request) {
			if s.allow(w, req, wanted(req, "get")) {
				answer(w, http.StatusOK)(s.objects.get(objectOf(req, kind), resource))
			}
		})
		mux.HandleFunc("DELETE "+collection+"/{name}", func(w http.ResponseWriter, req *http.Request) {
			if s.allow(w, req, wanted(req, "delete")) {
				answer(w, http.StatusOK)(s.objects.remove(objectOf(req, kind), resource))
			}
		})
	}
	// Every namespace exists: an API server does not ask for one before a pod in it either.
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}", func(w http.ResponseWriter, req *http.Request) {
		name := req.PathValue("namespace")
		if s.allow(w, req, action{verb: "get", resource: "namespaces", namespace: name, name: name}) {
			write(w, http.StatusOK, &corev1.Namespace{
				TypeMeta:   metav1.TypeMeta{Kind: "Namespace", APIVersion: "v1"},
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
			})
		}
	})
}

func objectOf(req *http.Request, kind workload) objectKey {
	return objectKey{kind.resource, req.PathValue("namespace"), req.PathValue("name")}
}

func (s *objectStore) create(req *http.Request, kind workload) (any, error) {
	object := kind.empty()
	if err := read(req, object); err != nil {
		return nil, err
	}
	object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{Group: kind.group, Version: "v1", Kind: kind.kind})
	meta := object.(metav1.Object)
	meta.SetNamespace(req.PathValue("namespace"))
	meta.SetUID(uuid.NewUUID())
	meta.SetResourceVersion("1")
	meta.SetCreationTimestamp(metav1.Now())
	key := objectKey{kind.resource, meta.GetNamespace(), meta.GetName()}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, exists := s.objects[key]; exists {
		return nil, apierrors.NewAlreadyExists(schema.GroupResource{Group: kind.group, Resource: kind.resource}, key.name)
	}
	s.objects[key] = object
	return object, nil
}

func (s *objectStore) get(key objectKey, resource schema.GroupResource) (any, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	object, exists := s.objects[key]
	if !exists {
		return nil, apierrors.NewNotFound(resource, key.name)
	}
	return object, nil
}

// objectList has the shape of a DeploymentList and its like.
type objectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []runtime.Object `json:"items"`
}

func (s *objectStore) list(namespace string, kind workload) objectList {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	found := objectList{
		TypeMeta: metav1.TypeMeta{Kind: kind.kind + "List", APIVersion: kind.group + "/v1"},
		ListMeta: metav1.ListMeta{ResourceVersion: "1"},
		Items:    []runtime.Object{},
	}
	keys := slices.SortedFunc(maps.Keys(s.objects), func(a, b objectKey) int { return strings.Compare(a.name, b.name) })
	for _, key := range keys {
		if key.resource == kind.resource && key.namespace == namespace {
			found.Items = append(found.Items, s.objects[key])
		}
	}
	return found
}

func (s *objectStore) remove(key objectKey, resource schema.GroupResource) (any, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, exists := s.objects[key]; !exists {
		return nil, apierrors.NewNotFound(resource, key.name)
	}
	delete(s.objects, key)
	return &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusSuccess,
	}, nil
}
