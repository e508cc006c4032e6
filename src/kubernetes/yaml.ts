/** Kubeconfig files that are written in YAML's further ways. A bundle of its own, because of the parser. */
import { parse } from 'yaml';

import { LxcriError } from '../model/errors.ts';

/**
 * What a file says.
 *
 * @throws LxcriError ConfigError when it is no YAML; it quotes nothing of the file, which holds secrets.
 */
export function parseYaml(file: string, text: string): unknown {
  try {
    return parse(text, { prettyErrors: false, logLevel: 'error' });
  } catch (error) {
    const { linePos, code } = error as { linePos?: readonly [{ line: number }]; code?: string };
    const place = linePos === undefined ? '' : `, line ${linePos[0].line}`;
    throw new LxcriError(
      'ConfigError',
      `${file}${place}: it is not valid YAML (${code ?? 'unknown'})`,
      'see: kubectl config view',
    );
  }
}
