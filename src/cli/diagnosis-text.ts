import type {
  Check,
  CheckResult,
  ContextDiagnosis,
  Diagnosis,
  MethodDiagnosis,
  MethodResult,
  RouteDiagnosis,
} from '../model/diagnosis.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';
import type { CellColor, Column, TableOptions } from '../terminal/table.ts';

/** The form of a diagnosis for people: a section for each question, and what to do about what is wrong. */
export function diagnosisText(
  { platforms, checks, container, notTried, methods, contexts }: Diagnosis,
  options: TableOptions,
): string {
  const where = container === null ? `not tried: ${notTried ?? ''}` : `tried in ${container.name}`;
  return [
    renderTable(PLATFORMS, platforms, options),
    renderTable(CHECKS, checks, options),
    // What was cut would be what matters.
    sanitize(`Methods, ${where}`) + '\n' + renderTable(METHODS, methods, { ...options, truncate: false }),
    ...(contexts.length === 0 ? [] : [renderTable(CONTEXTS, contexts, { ...options, truncate: false })]),
  ].join('\n');
}

const PLATFORMS: readonly Column<Diagnosis['platforms'][number]>[] = [
  { header: 'PLATFORM', value: ({ platform }) => platform },
  { header: 'CONTAINERS', value: ({ containers }) => String(containers ?? '?'), align: 'right' },
  { header: 'RUNNING', value: ({ running }) => String(running ?? '?'), align: 'right' },
  { header: 'DETAIL', value: ({ detail }) => detail },
];

const CHECK_COLORS: Record<CheckResult, CellColor> = { ok: 'green', warning: 'yellow', problem: 'red' };

const CHECKS: readonly Column<Check>[] = [
  { header: 'HOST', value: ({ name }) => name },
  { header: 'RESULT', value: ({ result }) => result, color: ({ result }) => CHECK_COLORS[result] },
  { header: 'DETAIL', value: ({ detail, hint }) => (hint === null ? detail : `${detail}; ${hint}`) },
];

const LOGINS: Record<ContextDiagnosis['login'], string> = {
  'root-ticket': 'root@pam',
  ticket: 'user',
  token: 'token',
};

const CONTEXTS: readonly Column<ContextDiagnosis>[] = [
  { header: 'CONTEXT', value: ({ context }) => context },
  {
    header: 'RESULT',
    value: ({ reachable }) => (reachable ? 'ok' : 'problem'),
    color: ({ reachable }) => CHECK_COLORS[reachable ? 'ok' : 'problem'],
  },
  { header: 'LOGIN', value: ({ login }) => LOGINS[login] },
  { header: 'ROUTES', value: ({ routes }) => routes.filter(isUsed).map(shownRoute).join(', ') || '-' },
  { header: 'EXEC ENDPOINT', value: ({ execEndpoint }) => execEndpoint },
  { header: 'DETAIL', value: ({ detail, routes }) => [detail, ...routes.filter(isUsed).flatMap(problems)].join('; ') },
];

function isUsed({ enabled }: RouteDiagnosis): boolean {
  return enabled;
}

function shownRoute({ route, reason }: RouteDiagnosis): string {
  return reason === null ? route : `(${route})`;
}

function problems({ route, reason }: RouteDiagnosis): string[] {
  return reason === null ? [] : [`${route}: ${reason}`];
}

const METHOD_COLORS: Record<MethodResult, CellColor> = {
  works: 'green',
  unfaithful: 'red',
  fails: 'red',
  unavailable: 'dim',
  untried: 'dim',
};

const METHODS: readonly Column<MethodDiagnosis>[] = [
  { header: 'METHOD', value: ({ method }) => method },
  { header: 'RESULT', value: ({ result }) => result, color: ({ result }) => METHOD_COLORS[result] },
  { header: 'COST', value: ({ costMs }) => (costMs === null ? '-' : `${costMs.toFixed(1)} ms`), align: 'right' },
  {
    header: 'DETAIL',
    value: ({ reason, runsMs }) => reason ?? `from call to end of "true", median of ${runsMs.length}`,
  },
];
