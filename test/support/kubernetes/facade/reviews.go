package main

import (
	"net/http"

	authv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// routeReviews answers what somebody may do, from the same rules that decide when they do it.
func (s *server) routeReviews(mux *http.ServeMux) {
	const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, req *http.Request) {
		group := authv1.GroupName
		if !s.allow(w, req, action{verb: "create", group: group, resource: "selfsubjectaccessreviews"}) {
			return
		}
		review := &authv1.SelfSubjectAccessReview{}
		if err := read(req, review); err != nil {
			fail(w, err)
			return
		}
		asked := review.Spec.ResourceAttributes
		if asked == nil {
			fail(w, apierrors.NewBadRequest("exactly one of nonResourceAttributes or resourceAttributes must be specified"))
			return
		}
		review.TypeMeta = metav1.TypeMeta{Kind: "SelfSubjectAccessReview", APIVersion: group + "/v1"}
		review.Status = authv1.SubjectAccessReviewStatus{Allowed: s.users.may(userOf(req.Context()), action{
			verb:        asked.Verb,
			group:       asked.Group,
			resource:    asked.Resource,
			subresource: asked.Subresource,
			namespace:   asked.Namespace,
			name:        asked.Name,
		})}
		write(w, http.StatusCreated, review)
	})
}
