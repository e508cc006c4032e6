/** What there is of the guest agent, for programs of this host to put into guests. */
import { InvalidValue } from '../values/invalid-value.ts';
import { quoted } from '../values/quoted.ts';

/** The kinds of machines that the agent is built for, as Debian and Go call them. */
export const AGENT_ARCHITECTURES = ['amd64', 'arm64'] as const;
export type AgentArchitecture = (typeof AGENT_ARCHITECTURES)[number];

/** The program; what is appended to an initramfs; a unit of systemd. */
export const AGENT_PARTS = ['binary', 'initramfs', 'systemd'] as const;
export type AgentPart = (typeof AGENT_PARTS)[number];

/** That of this host, which guests on its processors have too. */
export function ownArchitecture(): AgentArchitecture | undefined {
  return { x64: 'amd64' as const, arm64: 'arm64' as const }[process.arch as string];
}

/**
 * Parts by their names, with commas between.
 *
 * @throws InvalidValue
 */
export function agentParts(text: string): AgentPart[] {
  const wanted = new Set(
    text.split(',').map((name) => {
      const part = AGENT_PARTS.find((known) => known === name);
      if (part !== undefined) return part;
      throw new InvalidValue(`there is no part ${quoted(name)}`, `use one or more of: ${AGENT_PARTS.join(', ')}`);
    }),
  );
  return AGENT_PARTS.filter((part) => wanted.has(part));
}
