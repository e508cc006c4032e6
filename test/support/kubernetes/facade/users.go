package main

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// user is somebody with a bearer token, or with a client certificate that has this name.
type user struct {
	Name  string `json:"name"`
	Token string `json:"token,omitempty"`
	Rules []rule `json:"rules"`
}

// rule is what a Role says, together with the namespaces in which it is bound; `*` is everything.
type rule struct {
	Namespaces []string `json:"namespaces"`
	// Resources are as in a Role: `pods`, `pods/exec`, `deployments`.
	Resources []string `json:"resources"`
	Verbs     []string `json:"verbs"`
	// Names are those of single objects; all when empty.
	Names []string `json:"names,omitempty"`
}

// What every cluster lets everybody do: say who they are, and ask what they may.
var basicRules = []rule{{
	Namespaces: []string{"*"},
	Resources:  []string{"selfsubjectaccessreviews"},
	Verbs:      []string{"create"},
}}

const anonymous = "system:anonymous"

// action is what somebody wants to do.
type action struct {
	verb        string
	group       string
	resource    string
	subresource string
	namespace   string
	name        string
}

func (a action) fullResource() string {
	if a.subresource == "" {
		return a.resource
	}
	return a.resource + "/" + a.subresource
}

type users struct {
	mutex sync.RWMutex
	all   map[string]user
}

func newUsers(given []user) *users {
	made := &users{all: map[string]user{}}
	for _, each := range given {
		made.add(each)
	}
	return made
}

func (u *users) add(one user) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.all[one.Name] = one
}

// authenticate tells who sends a request; an error is the answer 401.
func (u *users) authenticate(req *http.Request) (string, error) {
	header := req.Header.Get("Authorization")
	// As in a real API server, nothing behind this may see it.
	req.Header.Del("Authorization")
	if req.TLS != nil && len(req.TLS.VerifiedChains) > 0 {
		return req.TLS.VerifiedChains[0][0].Subject.CommonName, nil
	}
	if header == "" {
		return anonymous, nil
	}
	token, isBearer := strings.CutPrefix(header, "Bearer ")
	u.mutex.RLock()
	defer u.mutex.RUnlock()
	for _, each := range u.all {
		if isBearer && each.Token != "" && subtle.ConstantTimeCompare([]byte(each.Token), []byte(token)) == 1 {
			return each.Name, nil
		}
	}
	return "", apierrors.NewUnauthorized("Unauthorized")
}

func (u *users) may(name string, wanted action) bool {
	u.mutex.RLock()
	defer u.mutex.RUnlock()
	rules := u.all[name].Rules
	if name != anonymous {
		rules = slices.Concat(rules, basicRules)
	}
	return slices.ContainsFunc(rules, func(each rule) bool {
		return covers(each.Namespaces, wanted.namespace) &&
			covers(each.Resources, wanted.fullResource()) &&
			covers(each.Verbs, wanted.verb) &&
			(len(each.Names) == 0 || slices.Contains(each.Names, wanted.name))
	})
}

func covers(listed []string, wanted string) bool {
	return slices.Contains(listed, "*") || slices.Contains(listed, wanted)
}

// forbidden is the error of the API server's own authorizer, word for word.
func forbidden(name string, wanted action) error {
	where := " at the cluster scope"
	if wanted.namespace != "" {
		where = fmt.Sprintf(" in the namespace %q", wanted.namespace)
	}
	reason := fmt.Errorf("User %q cannot %s resource %q in API group %q%s",
		name, wanted.verb, wanted.fullResource(), wanted.group, where)
	resource := schema.GroupResource{Group: wanted.group, Resource: wanted.resource}
	return apierrors.NewForbidden(resource, wanted.name, reason)
}
