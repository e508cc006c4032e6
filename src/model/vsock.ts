/** Where an agent listens, as it is seen from the host. */
export type VsockAddress =
  /** The Unix socket by which Cloud Hypervisor and Firecracker pass connections on to a guest ("hybrid vsock"). */
  | { readonly kind: 'hybrid'; readonly path: string; readonly port: number }
  /** The kernel's own way to a guest (vsock(7)): QEMU, Proxmox VE. */
  | { readonly kind: 'cid'; readonly cid: number; readonly port: number };

/** How a microVM is spoken to. */
export interface GuestAccess {
  readonly address: VsockAddress;
  /**
   * Waits until its agent answers; nothing is started by that.
   *
   * @param waitMs how long to try; 0 for once.
   * @throws LxcriError what was in the way last; the reason of `abort`.
   */
  ready(waitMs: number, abort: AbortSignal): Promise<void>;
}
