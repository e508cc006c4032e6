/** Whose work is in the guest agent besides ours: the modules of Go that are linked into it, and Go itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { AGENT_ARCHITECTURES } from '../../src/guest-agent/parts.ts';
import type { AgentArchitecture } from '../../src/guest-agent/parts.ts';
import { AGENT_SOURCES, findGo } from '../guest-agent.ts';
import { run } from './run.ts';
import { asText } from './work.ts';
import type { Work } from './work.ts';

const LICENCE_FILE = /^licen[cs]e(\.txt|\.md)?$/i;
const NOTICE_FILE = /^notice(\.txt|\.md)?$/i;
/** In the first lines of a file of Go. */
const HEADER = /^(?:\/\/|\/?\s*\*+)\s*(Copyright .*\d{4}.*)$/m;

/** By a sentence that only it has. */
const LICENCES = [
  ['Apache-2.0', /Apache License\s+Version 2\.0, January 2004/],
  ['BSD-3-Clause', /Redistribution and use in source and binary forms[^]*Neither the name of/],
  ['MIT', /Permission is hereby granted, free of charge, to any person obtaining a copy/],
] as const;

/** What is asked of each package: its module and where that is, or nothing for those of Go and of ours. */
const TEMPLATE = '{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}';

/**
 * The works of others in the agent.
 * @throws Error for a licence that is not known, or where nothing says whose work it is.
 */
export function goWorks(): Work[] {
  const modules = new Map<string, { directory: string; packages: Set<string> }>();
  for (const architecture of AGENT_ARCHITECTURES) {
    for (const line of go(['list', '-deps', '-f', TEMPLATE, '.'], architecture).split('\n')) {
      const [path = '', directory = '', packageDirectory = ''] = line.split('\t');
      if (path === '') continue;
      const known = modules.get(path) ?? { directory, packages: new Set() };
      modules.set(path, known);
      known.packages.add(packageDirectory);
    }
  }
  const works = [...modules]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, { directory, packages }]) => workOf(path, directory, [...packages]));
  return [workOf('go', go(['env', 'GOROOT'], 'amd64').trim(), []), ...works];
}

/** The same as one text, for who has the agent and no Debian package. */
export function goLicences(): string {
  return asText(goWorks());
}

function go(args: readonly string[], architecture: AgentArchitecture): string {
  const env = { ...process.env, CGO_ENABLED: '0', GOOS: 'linux', GOARCH: architecture };
  return run([findGo() ?? 'go', ...args], { cwd: AGENT_SOURCES, env });
}

function workOf(path: string, directory: string, packages: readonly string[]): Work {
  const names = readdirSync(directory);
  const file = names.find((name) => LICENCE_FILE.test(name));
  if (file === undefined) throw new Error(`${path} has no licence`);
  const text = readFileSync(join(directory, file), 'utf8');
  const license = LICENCES.find(([, pattern]) => pattern.test(text))?.[0];
  if (license === undefined) throw new Error(`the licence of ${path} is not known: add it to this table`);
  const notice = names.find((name) => NOTICE_FILE.test(name));
  const noticeText = notice === undefined ? '' : readFileSync(join(directory, notice), 'utf8');
  // The text of Apache's licence names nobody; who puts a work under it says so in a notice, or in its files.
  const holder =
    license === 'Apache-2.0' ? (/^Copyright.*/m.exec(noticeText)?.[0] ?? holderInFiles(path, packages)) : undefined;
  return { files: `${path}/*`, license, text: noticeText === '' ? text : `${text}\n${noticeText}`, holder };
}

function holderInFiles(path: string, packages: readonly string[]): string {
  for (const directory of packages.toSorted()) {
    for (const name of readdirSync(directory).filter((each) => each.endsWith('.go'))) {
      const found = HEADER.exec(readFileSync(join(directory, name), 'utf8').slice(0, 2000));
      if (found?.[1] !== undefined) return found[1];
    }
  }
  throw new Error(`${path}: nothing says whose work it is`);
}
