/** One flag of a command; the same table feeds our own parser and oclif's help. */
export interface FlagSpec {
  readonly name: string;
  readonly char?: string;
  readonly aliases?: readonly string[];
  /** Present for flags that take a value: its placeholder in help. */
  readonly value?: string;
  readonly multiple?: boolean;
  readonly summary: string;
}

/** The flags of `exec`, in the order of the CLI contract. */
export const EXEC_FLAGS = [
  { name: 'tty', char: 't', summary: 'always give the command a terminal (80x24 where there is none)' },
  {
    name: 'no-tty',
    char: 'T',
    summary: 'never give it a terminal; by default interactive commands get one at a terminal',
  },
  { name: 'stdin', char: 'i', summary: 'attach standard input (default where it is a terminal, pipe or file)' },
  { name: 'no-stdin', summary: 'do not attach standard input: a surrounding "while read" loop keeps it' },
  {
    name: 'env',
    char: 'e',
    value: 'KEY=VALUE',
    multiple: true,
    summary: "set a variable; KEY alone takes the caller's value (repeatable)",
  },
  {
    name: 'env-file',
    value: 'FILE',
    multiple: true,
    summary: 'set the variables of a file, a KEY=VALUE a line (repeatable)',
  },
  { name: 'workdir', char: 'w', aliases: ['cwd'], value: 'DIR', summary: 'working directory in the container' },
  {
    name: 'user',
    char: 'u',
    value: 'USER[:GROUP]',
    summary: 'user name or uid, and group; looked up in the container',
  },
  { name: 'privileged', summary: 'elevated privileges, where the method has them' },
  {
    name: 'timeout',
    value: 'DURATION',
    summary: 'end the command after this long (30s, 5m, 1h30m), or none; exit code 124',
  },
  {
    name: 'kill-after',
    value: 'DURATION',
    summary: 'from the first request to end until everything is killed (default 10s)',
  },
  {
    name: 'wait-for-agent',
    value: 'DURATION',
    summary: 'how long to wait for the agent of a microVM (vsock:) to answer (default: it is asked once)',
  },
  { name: 'detach', char: 'd', summary: 'start, print the execution id, and return; see result and kill' },
  {
    name: 'method',
    value: 'A[,B]',
    summary:
      'the method to use, or several in order: pct, lxc-attach, docker, kubernetes, vsock, guest-agent, node-shell, console',
  },
  {
    name: 'namespace',
    char: 'n',
    value: 'NS',
    summary: 'Kubernetes: the namespace (default: that of its current context)',
  },
  {
    name: 'task',
    aliases: ['tasks'],
    value: 'POD',
    multiple: true,
    summary: 'Kubernetes: run it in this pod; several run at the same time (repeatable)',
  },
  {
    name: 'container',
    aliases: ['containers', 'cts'],
    value: 'NAME',
    multiple: true,
    summary: "Kubernetes: in this container of each pod (repeatable; default: the pod's default container)",
  },
  { name: 'context', value: 'NAME', summary: 'look only in the cluster of this context' },
  { name: 'node', value: 'NODE', summary: 'the Proxmox node of the container' },
  { name: 'lock', value: 'NAME', summary: 'run only while nothing else on this host holds the lock of that name' },
  {
    name: 'if-locked',
    value: 'wait|skip|fail',
    summary: 'while another run holds the lock: wait (default), do nothing and exit 0, or fail',
  },
  { name: 'lock-timeout', value: 'DURATION', summary: 'how long to wait for the lock before failing' },
  { name: 'only-on-failure', summary: 'print nothing unless the command fails; then what failed, and its output' },
  { name: 'json', summary: 'print the structured result on standard output, and nothing else' },
  {
    name: 'max-output',
    value: 'SIZE',
    summary: 'limit for each stream with --json or --only-on-failure (default 8MiB), or --detach (64MiB)',
  },
  { name: 'quiet', char: 'q', summary: "none of the command's output, only the final result" },
  { name: 'verbose', char: 'v', summary: 'say on standard error what is tried, and why' },
  { name: 'help', char: 'h', summary: 'show this help' },
] as const satisfies readonly FlagSpec[];

export type ExecFlagName = (typeof EXEC_FLAGS)[number]['name'];

/** The flags of `exec` that `hook` has too, with the same meaning. */
const SHARED_WITH_HOOK = [
  'env',
  'env-file',
  'workdir',
  'user',
  'privileged',
  'timeout',
  'kill-after',
  'method',
  'node',
  'json',
  'max-output',
  'quiet',
  'verbose',
  'help',
] as const satisfies readonly ExecFlagName[];

type SharedFlagName = (typeof SHARED_WITH_HOOK)[number];

export type HookFlagName = 'on' | 'container-annotation' | SharedFlagName;

const MAX_OUTPUT_OF_HOOK = 'limit for each stream with --json (default 8MiB)';

/** The flags of `hook`. */
export const HOOK_FLAGS: readonly (FlagSpec & { readonly name: HookFlagName })[] = [
  { name: 'on', value: 'PHASE[,PHASE]', multiple: true, summary: 'the phases to act in; in others it does nothing' },
  {
    name: 'container-annotation',
    value: 'KEY',
    summary: "OCI: the annotation that names the container, where the state's id is not ours",
  },
  ...EXEC_FLAGS.filter((spec): spec is typeof spec & { name: SharedFlagName } =>
    (SHARED_WITH_HOOK as readonly string[]).includes(spec.name),
  ).map((spec) => (spec.name === 'max-output' ? { ...spec, summary: MAX_OUTPUT_OF_HOOK } : spec)),
];
