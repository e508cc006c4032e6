/** A node whose ssh is behind a proxy that can cut, stall and slow the line, with one container on it. */
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { startSshCluster } from '../support/pve/ssh-cluster.ts';
import type { SshCluster, SshClusterOptions } from '../support/pve/ssh-cluster.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

export interface ProxiedNode {
  readonly cluster: SshCluster;
  /** It runs, on the node pve2. */
  readonly container: Container;
  readonly proxy: TcpProxy;
  stop(): Promise<void>;
}

export async function startProxiedNode(
  vmid: number,
  options: Pick<SshClusterOptions, 'sshOptions' | 'sshdConfig'> = {},
): Promise<ProxiedNode> {
  const proxies: TcpProxy[] = [];
  const cluster = await startSshCluster({
    ...options,
    nodes: { pve2: [{ vmid }] },
    portOf: async ({ address, port }) => {
      const proxy = await startTcpProxy(address, port);
      proxies.push(proxy);
      return proxy.port;
    },
  });
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error('no node has a port');
  const container = await startContainer({ kind: 'busybox', name: String(vmid) });
  return {
    cluster,
    container,
    proxy,
    async stop() {
      await container.destroy();
      await cluster.stop();
      await proxy.stop();
    },
  };
}
