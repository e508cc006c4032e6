package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// How long containerd may take for one call on a busy machine.
const runtimeTimeout = time.Minute

// containerRuntime is containerd, seen through the interface that a kubelet uses.
type containerRuntime struct {
	service      cri.RuntimeServiceClient
	cgroupParent string
}

func dialRuntime(socket, cgroupParent string) (*containerRuntime, error) {
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	made := &containerRuntime{service: cri.NewRuntimeServiceClient(connection), cgroupParent: cgroupParent}
	ctx, cancel := context.WithTimeout(context.Background(), runtimeTimeout)
	defer cancel()
	if _, err := made.service.Version(ctx, &cri.VersionRequest{}, grpc.WaitForReady(true)); err != nil {
		return nil, fmt.Errorf("containerd does not answer: %w", err)
	}
	return made, nil
}

func namespaces(pod *corev1.Pod) *cri.NamespaceOption {
	// The network is the host's: no plugin for networks is needed, and nothing here uses one.
	made := &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_CONTAINER}
	if pod.Spec.ShareProcessNamespace != nil && *pod.Spec.ShareProcessNamespace {
		made.Pid = cri.NamespaceMode_POD
	}
	return made
}

func (r *containerRuntime) sandboxConfig(pod *corev1.Pod) *cri.PodSandboxConfig {
	return &cri.PodSandboxConfig{
		Metadata: &cri.PodSandboxMetadata{Name: pod.Name, Namespace: pod.Namespace, Uid: string(pod.UID)},
		Labels:   pod.Labels,
		Linux: &cri.LinuxPodSandboxConfig{
			CgroupParent:    r.cgroupParent + "/" + string(pod.UID),
			SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: namespaces(pod)},
		},
	}
}

// runSandbox makes what the containers of a pod share; returns its id.
func (r *containerRuntime) runSandbox(ctx context.Context, pod *corev1.Pod) (string, error) {
	answer, err := r.service.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: r.sandboxConfig(pod)})
	if err != nil {
		return "", err
	}
	return answer.PodSandboxId, nil
}

// startContainer makes one of the pod's containers and starts it; returns its id.
func (r *containerRuntime) startContainer(
	ctx context.Context, pod *corev1.Pod, sandbox string, wanted corev1.Container,
) (string, error) {
	config := &cri.ContainerConfig{
		Metadata:   &cri.ContainerMetadata{Name: wanted.Name},
		Image:      &cri.ImageSpec{Image: wanted.Image},
		Command:    wanted.Command,
		Args:       wanted.Args,
		WorkingDir: wanted.WorkingDir,
		Stdin:      wanted.Stdin,
		Tty:        wanted.TTY,
		Linux:      &cri.LinuxContainerConfig{SecurityContext: securityContext(pod, wanted)},
	}
	for _, each := range wanted.Env {
		config.Envs = append(config.Envs, &cri.KeyValue{Key: each.Name, Value: each.Value})
	}
	request := &cri.CreateContainerRequest{PodSandboxId: sandbox, Config: config, SandboxConfig: r.sandboxConfig(pod)}
	answer, err := r.service.CreateContainer(ctx, request)
	// The plugin hears of a new image a moment after it has been imported.
	for status.Code(err) == codes.NotFound && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
		answer, err = r.service.CreateContainer(ctx, request)
	}
	if err != nil {
		return "", err
	}
	_, err = r.service.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: answer.ContainerId})
	return answer.ContainerId, err
}

func securityContext(pod *corev1.Pod, wanted corev1.Container) *cri.LinuxContainerSecurityContext {
	made := &cri.LinuxContainerSecurityContext{NamespaceOptions: namespaces(pod)}
	if of := pod.Spec.SecurityContext; of != nil {
		made.RunAsUser = number(of.RunAsUser)
		made.RunAsGroup = number(of.RunAsGroup)
		made.SupplementalGroups = of.SupplementalGroups
	}
	if of := wanted.SecurityContext; of != nil {
		if of.RunAsUser != nil {
			made.RunAsUser = number(of.RunAsUser)
		}
		if of.RunAsGroup != nil {
			made.RunAsGroup = number(of.RunAsGroup)
		}
		made.Privileged = of.Privileged != nil && *of.Privileged
		made.ReadonlyRootfs = of.ReadOnlyRootFilesystem != nil && *of.ReadOnlyRootFilesystem
		made.NoNewPrivs = of.AllowPrivilegeEscalation != nil && !*of.AllowPrivilegeEscalation
	}
	return made
}

func number(value *int64) *cri.Int64Value {
	if value == nil {
		return nil
	}
	return &cri.Int64Value{Value: *value}
}

// containerState is what containerd says of a container, and the host's pid of its first process (0: none).
type containerState struct {
	*cri.ContainerStatus
	pid int
}

func (r *containerRuntime) state(ctx context.Context, id string) (containerState, error) {
	answer, err := r.service.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: id, Verbose: true})
	if err != nil {
		return containerState{}, err
	}
	var details struct {
		Pid int `json:"pid"`
	}
	if err := json.Unmarshal([]byte(answer.Info["info"]), &details); err != nil {
		return containerState{}, err
	}
	return containerState{ContainerStatus: answer.Status, pid: details.Pid}, nil
}

// stopContainer asks for an end, and forces it after the time.
func (r *containerRuntime) stopContainer(ctx context.Context, id string, grace time.Duration) error {
	_, err := r.service.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: id, Timeout: int64(grace.Seconds())})
	return err
}

// removeSandbox takes away all of a pod.
func (r *containerRuntime) removeSandbox(ctx context.Context, id string) error {
	if _, err := r.service.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
		return err
	}
	_, err := r.service.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: id})
	return err
}

// execURL is where containerd's streaming server waits for the one who executes this.
func (r *containerRuntime) execURL(ctx context.Context, request *cri.ExecRequest) (string, error) {
	answer, err := r.service.Exec(ctx, request)
	if err != nil {
		return "", err
	}
	return answer.Url, nil
}
