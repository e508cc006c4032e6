/** How the cluster behaves; may be changed while it runs. Times are those of the real server. */
export interface Settings {
  /** From a request to its 401. */
  refusalMs: number;
  ticketLifetimeSeconds: number;
  /** An idle connection is closed after it. */
  keepAliveMs: number;
  /** What one node waits for another. */
  forwardMs: number;
  /** What a console waits for its client, and then for the client's first line. */
  consoleWaitMs: number;
  /** From a WebSocket that nothing listens for to the end of its connection, which is not answered. */
  unansweredMs: number;
  /** From what a WebSocket will not take, once that is more than it keeps, to the end of the connection. */
  deafMs: number;
  /** How long the HA manager takes from a request to the start or stop. */
  haMs: number;
  /** Whether the connection of a console ends with its program: eight of ten do, the others stay open for ever. */
  consoleEnd: 'close' | 'stay';
  /** Whether termproxy lets tokens in: before pve-container 6.1.3 it does not, and goes without a word. */
  consoleTokens: boolean;
  /** What the guest agent of a virtual machine keeps of each output stream. */
  agentOutputBytes: number;
  /** The privilege that running commands by it takes: that of Proxmox VE 9, or of 8. */
  agentPrivilege: 'VM.GuestAgent.Unrestricted' | 'VM.Monitor';
  /**
   * What /cluster/resources tells: `live`; `held`, what was last told (the real one is up to 10 s old); `none`, as
   * before the first time that the nodes have told of themselves.
   */
  statistics: 'live' | 'held' | 'none';
}

export const REAL_SETTINGS: Readonly<Settings> = {
  refusalMs: 3_000,
  ticketLifetimeSeconds: 7_200,
  keepAliveMs: 5_000,
  forwardMs: 30_000,
  consoleWaitMs: 10_000,
  unansweredMs: 5_000,
  deafMs: 5_000,
  haMs: 10_000,
  consoleEnd: 'close',
  consoleTokens: true,
  agentOutputBytes: 16 * 1024 * 1024,
  agentPrivilege: 'VM.GuestAgent.Unrestricted',
  statistics: 'live',
};
