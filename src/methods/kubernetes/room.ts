/** What concerns Kubernetes; a bundle of its own, loaded when there is a pod of it. */
export { isClusterChosen } from '../../kubernetes/kubeconfig.ts';
export { clusterOf, silentClusterOf } from '../../kubernetes/cluster.ts';
export { findPod, listPods } from '../../kubernetes/pods.ts';
export { podsOfWorkload } from '../../kubernetes/workloads.ts';
export { startInPod } from './start.ts';
