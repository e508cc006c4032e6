package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// withStatus fills in the status as a kubelet would, from what containerd says now.
func (s *podStore) withStatus(ctx context.Context, pod *runningPod) *corev1.Pod {
	if pod.sandbox == "" {
		// One that is pretended, or that has not begun to start.
		if pod.Status.Phase == "" {
			pod.Status.Phase = corev1.PodPending
		}
		return pod.Pod
	}
	status := &pod.Status
	status.HostIP = "127.0.0.1"
	status.PodIP = "127.0.0.1"
	status.QOSClass = corev1.PodQOSBestEffort
	started := pod.CreationTimestamp
	status.StartTime = &started
	status.InitContainerStatuses = s.containerStatuses(ctx, pod, pod.Spec.InitContainers)
	status.ContainerStatuses = s.containerStatuses(ctx, pod, pod.Spec.Containers)
	status.Phase = phaseOf(pod.Spec.RestartPolicy, status.ContainerStatuses)
	ready := metav1.ConditionTrue
	for _, each := range status.ContainerStatuses {
		if !each.Ready {
			ready = metav1.ConditionFalse
		}
	}
	status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionStatus(ready), LastTransitionTime: started},
	}
	return pod.Pod
}

func (s *podStore) containerStatuses(
	ctx context.Context, pod *runningPod, wanted []corev1.Container,
) []corev1.ContainerStatus {
	var made []corev1.ContainerStatus
	for _, each := range wanted {
		made = append(made, s.containerStatus(ctx, each, pod.containers[each.Name]))
	}
	return made
}

func (s *podStore) containerStatus(ctx context.Context, of corev1.Container, id string) corev1.ContainerStatus {
	no := false
	made := corev1.ContainerStatus{Name: of.Name, Image: of.Image, Started: &no}
	made.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	if id == "" {
		return made
	}
	state, err := s.runtime.state(ctx, id)
	if err != nil {
		// It is just being removed.
		return made
	}
	made.ContainerID = "containerd://" + id
	made.ImageID = state.ImageRef
	begun := metav1.NewTime(time.Unix(0, state.StartedAt))
	switch state.State {
	case cri.ContainerState_CONTAINER_RUNNING:
		yes := true
		made.Ready, made.Started = true, &yes
		made.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: begun}}
	case cri.ContainerState_CONTAINER_EXITED:
		made.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode:    state.ExitCode,
			Reason:      state.Reason,
			StartedAt:   begun,
			FinishedAt:  metav1.NewTime(time.Unix(0, state.FinishedAt)),
			ContainerID: made.ContainerID,
		}}
	}
	return made
}

// phaseOf is Running while one container runs, and also when one will be started again.
func phaseOf(policy corev1.RestartPolicy, statuses []corev1.ContainerStatus) corev1.PodPhase {
	failed, over := false, 0
	for _, each := range statuses {
		switch {
		case each.State.Waiting != nil:
			return corev1.PodPending
		case each.State.Terminated != nil:
			over++
			failed = failed || each.State.Terminated.ExitCode != 0
		}
	}
	switch {
	case over < len(statuses) || policy == corev1.RestartPolicyAlways:
		return corev1.PodRunning
	case failed && policy == corev1.RestartPolicyOnFailure:
		return corev1.PodRunning
	case failed:
		return corev1.PodFailed
	}
	return corev1.PodSucceeded
}

// report says what nobody is there to be told.
func report(err error) {
	fmt.Fprintln(os.Stderr, "facade:", err)
}
