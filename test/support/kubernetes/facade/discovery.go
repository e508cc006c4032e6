package main

import (
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// routeDiscovery tells kubectl what there is, in the form that all of its versions understand.
func (s *server) routeDiscovery(mux *http.ServeMux) {
	serve := func(path string, object any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, object) })
	}
	serve("/api", metav1.APIVersions{
		TypeMeta: metav1.TypeMeta{Kind: "APIVersions"},
		Versions: []string{"v1"},
	})
	pods := resourceOf("pods", "Pod", "po", "create", "delete", "get", "list")
	exec := resourceOf("pods/exec", "PodExecOptions", "", "create", "get")
	exec.SingularName = ""
	serve("/api/v1", resourceList("v1", pods, exec))
	groups := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	byGroup := map[string][]metav1.APIResource{}
	for _, each := range workloads {
		made := resourceOf(each.resource, each.kind, each.short, "create", "delete", "get", "list")
		byGroup[each.group] = append(byGroup[each.group], made)
	}
	review := resourceOf("selfsubjectaccessreviews", "SelfSubjectAccessReview", "", "create")
	review.Namespaced = false
	byGroup["authorization.k8s.io"] = []metav1.APIResource{review}
	for _, name := range []string{"apps", "batch", "authorization.k8s.io"} {
		version := metav1.GroupVersionForDiscovery{GroupVersion: name + "/v1", Version: "v1"}
		groups.Groups = append(groups.Groups, metav1.APIGroup{
			Name:             name,
			Versions:         []metav1.GroupVersionForDiscovery{version},
			PreferredVersion: version,
		})
		serve("/apis/"+name+"/v1", resourceList(version.GroupVersion, byGroup[name]...))
	}
	serve("/apis", groups)
}

func resourceOf(name, kind, short string, verbs ...string) metav1.APIResource {
	made := metav1.APIResource{Name: name, Kind: kind, Namespaced: true, Verbs: verbs}
	if short != "" {
		made.ShortNames = []string{short}
	}
	return made
}

func resourceList(version string, resources ...metav1.APIResource) metav1.APIResourceList {
	return metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: version,
		APIResources: resources,
	}
}
