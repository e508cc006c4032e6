/** The kinds of machines that packages are made for. */

export interface Target {
  /** As Node and npm call it. */
  readonly node: 'x64' | 'arm64';
  /** As Debian calls it. */
  readonly debian: 'amd64' | 'arm64';
  /** What the names of its compiler and its other tools begin with. */
  readonly triplet: string;
}

export const TARGETS: readonly Target[] = [
  { node: 'x64', debian: 'amd64', triplet: 'x86_64-linux-gnu' },
  { node: 'arm64', debian: 'arm64', triplet: 'aarch64-linux-gnu' },
];
