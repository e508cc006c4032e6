/** Several calls in one: what `execute` of a node really is, and all that it is. */
import type { Endpoint, Method } from '../endpoint.ts';
import { ApiFailure, badParameters } from '../failure.ts';
import { NODE } from '../parameters.ts';

interface Command {
  method: Method;
  path: string;
  args?: Record<string, unknown>;
}

const execute: Endpoint = {
  method: 'POST',
  path: '/nodes/{node}/execute',
  access: 'root@pam',
  protected: true,
  parameters: { ...NODE, commands: { required: true } },
  async run({ node, parameters, dispatch }) {
    const results: unknown[] = [];
    for (const { method, path, args = {} } of parseCommands(parameters['commands'] ?? '')) {
      const values = Object.entries(args).map(([name, value]) => [name, String(value)] as const);
      try {
        results.push({
          status: 200,
          data: (await dispatch(method, `/nodes/${node.name}/${path}`, Object.fromEntries(values))) ?? null,
        });
      } catch (error) {
        if (!(error instanceof ApiFailure)) throw error;
        const { status, message, errors } = error;
        results.push({ status, message, ...(errors === undefined ? {} : { errors }) });
      }
    }
    return results;
  },
};

function parseCommands(text: string): Command[] {
  let commands: unknown;
  try {
    commands = JSON.parse(text);
  } catch (error) {
    throw invalid((error as Error).message);
  }
  if (!Array.isArray(commands)) throw invalid("type check ('array') failed");
  const missing = commands.flatMap((command: object, index) =>
    ['path', 'method']
      .filter((key) => !(key in command))
      .map((key) => `[${index}].${key}: property is missing and it is not optional\n`),
  );
  if (missing.length > 0) throw invalid(`400 Parameter verification failed.\n${missing.join('')}`);
  return commands as Command[];
}

function invalid(reason: string): ApiFailure {
  return badParameters({ commands: `invalid format - commands is not a valid array of commands: ${reason}` });
}

export const EXECUTE: readonly Endpoint[] = [execute];
