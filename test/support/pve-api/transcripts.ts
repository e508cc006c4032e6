/** Reads the recorded exchanges of test/fixtures/pve/api. */
import { readdirSync, readFileSync } from 'node:fs';

const FIXTURES = new URL('../../fixtures/pve/api/', import.meta.url);

export interface Recorded {
  /** The file's name without its ending. */
  name: string;
  /** Request line and header lines. */
  request: string[];
  /** The parts of the body, as they were given to curl; those marked are percent-encoded by it. */
  form: { pair: string; encode: boolean }[];
  statusLine: string;
  /** Names and values, in their order. */
  headers: [string, string][];
  body: string;
  seconds: number;
}

export function transcriptNames(): string[] {
  return readdirSync(FIXTURES)
    .map((file) => file.replace(/\.txt$/, ''))
    .toSorted();
}

function readTranscript(name: string): string {
  return readFileSync(new URL(`${name}.txt`, FIXTURES), 'utf8');
}

/** Those of one request and its answer, made with curl. */
export function recordedExchange(name: string): Recorded {
  const [title = '', ...lines] = readTranscript(name).split('\n');
  const sent = lines.filter((line) => line.startsWith('> ')).map((line) => line.slice(2));
  const received = lines.filter((line) => line.startsWith('< ')).map((line) => line.slice(2));
  const [statusLine = '', ...headers] = received.filter((line) => line !== '');
  const afterHead = lines.lastIndexOf('< ') + 1;
  const end = lines.findLastIndex((line) => line.startsWith('### '));
  return {
    name,
    request: sent.filter((line) => line !== ''),
    form: curlForm(title),
    statusLine,
    headers: headers.map((line) => line.split(/: (.*)/, 2) as [string, string]),
    body: lines.slice(afterHead, end).join('\n'),
    seconds: Number(/time_total=([\d.]+)/.exec(lines[end] ?? '')?.[1]),
  };
}

function curlForm(title: string): Recorded['form'] {
  const args = /(?:curl-args:|\(curl) (.*?)\)?$/.exec(title)?.[1] ?? '';
  return args.split(/ ?(?=(?:-d|--data-urlencode|-H|-b) )/).flatMap((argument) => {
    const [, option, pair = ''] = /^(-d|--data-urlencode) (.*)$/.exec(argument) ?? [];
    return option === undefined ? [] : [{ pair, encode: option !== '-d' }];
  });
}

export interface ConsoleExchange {
  request: string[];
  requestBody: string;
  statusLine: string;
  headers: [string, string][];
  body: string;
}

/** The requests and answers around a recorded console, without what went through it. */
export function recordedConsole(name: string): ConsoleExchange[] {
  const exchanges: { sent: string[]; received: string[]; body: string }[] = [];
  for (const line of readTranscript(name).split('\n')) {
    const begins = line.startsWith('[');
    const [, direction, text = ''] = /^(?:\[ *[\d.]+\]| {9}) ([<>]) (.*)$/.exec(line) ?? [];
    if (direction === '>' && begins) exchanges.push({ sent: [], received: [], body: '' });
    const last = exchanges.at(-1);
    if (direction === undefined || last === undefined) continue;
    // In one form the body is quoted as Python quotes bytes.
    if (text.startsWith('body '))
      last.body = text
        .slice(5)
        .replace(/^b'(.*)'$/, '$1')
        .replaceAll('\\\\n', '\\n');
    else (direction === '>' ? last.sent : last.received).push(text);
  }
  return exchanges.map(({ sent, received, body }) => {
    const end = sent.indexOf('');
    const [statusLine = '', ...headers] = received;
    return {
      request: sent.slice(0, end),
      requestBody: sent.slice(end + 1).join(''),
      statusLine,
      headers: headers.map((line) => line.split(/: (.*)/, 2) as [string, string]),
      body,
    };
  });
}
