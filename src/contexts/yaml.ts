/** contexts.yaml: read, and changed. A bundle of its own, because of the parser. */
import { isDeepStrictEqual } from 'node:util';

import { YAMLMap, isMap, isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';

import { YamlText, isEmpty } from '../config/yaml-text.ts';
import { API_ROUTES } from '../model/remote.ts';
import type { ApiRoute } from '../model/remote.ts';
import { serverAddress } from '../values/address.ts';
import { contextName } from '../values/context-name.ts';
import { directoryPath } from '../values/directory.ts';
import { fingerprintOf } from '../values/fingerprint.ts';
import { tokenId, userName } from '../values/identity.ts';
import { InvalidValue } from '../values/invalid-value.ts';
import { nearest } from '../values/nearest.ts';
import { orderedRoutes, routeName } from '../values/routes.ts';
import { quoted } from '../values/quoted.ts';
import type { Context, ContextFile, Host, Identity, SecretSource, SshSettings } from './context.ts';

const TOP_KEYS = ['current', 'contexts'] as const;

/** The sources of the two kinds of secrets, by the keys that name them. */
const SOURCES = {
  passwordFile: 'file',
  passwordVariable: 'variable',
  passwordCommand: 'command',
  tokenFile: 'file',
  tokenVariable: 'variable',
  tokenCommand: 'command',
} as const;

type SourceKey = keyof typeof SOURCES;

const CONTEXT_KEYS = ['hosts', 'caFile', 'user', 'token', 'bare', 'routes', 'ssh', ...Object.keys(SOURCES)];
const HOST_KEYS = ['address', 'fingerprint'];
const SSH_KEYS = ['destination', 'options', 'sudo'];

const EXAMPLE = 'write for instance: contexts: {home: {hosts: [pve1.example], user: root@pam}}';

/**
 * What a file says.
 *
 * @param path named in errors.
 * @throws LxcriError `ConfigError` for the first mistake, with its line and column.
 */
export function parseContexts(path: string, bytes: Uint8Array): ContextFile {
  return new ContextsText(path, bytes).read();
}

/** What `login` writes; in the form it has in the file. */
export type WrittenContext = Readonly<Record<string, unknown>>;

/** A change of a file: contexts that are set anew, or removed, and the current one. */
export interface ContextsChange {
  readonly set?: { readonly name: string; readonly keys: WrittenContext };
  readonly remove?: string;
  /** `null`: none. */
  readonly current?: string | null;
}

/**
 * The text of a file after a change. Comments and all else stay.
 *
 * @param bytes the file as it is; empty for a new one.
 * @throws LxcriError `ConfigError` when the file is wrong as it is, or would be.
 */
export function withChange(path: string, bytes: Uint8Array, change: ContextsChange): string {
  const contexts = new ContextsText(path, bytes);
  contexts.read();
  const text = contexts.textWith(change);
  parseContexts(path, Buffer.from(text));
  return text;
}

/** A key of a context with what it was set to. */
interface Found {
  readonly value: Node | null;
  readonly at: number | undefined;
}

class ContextsText extends YamlText {
  readonly #file: string;
  readonly #text: string;

  constructor(path: string, bytes: Uint8Array) {
    super(path, bytes);
    this.#file = path;
    this.#text = Buffer.from(bytes).toString();
  }

  read(): ContextFile {
    const contexts = new Map<string, Context>();
    const { contents } = this.document;
    if (isEmpty(contents)) return { current: undefined, contexts };
    const top = this.#keys(
      this.mapping(contents, 'the file', 0, () => EXAMPLE),
      '',
      TOP_KEYS,
    );
    const current = top.get('current');
    const all = top.get('contexts');
    if (all !== undefined && !isEmpty(all.value)) {
      const map = this.mapping(all.value, 'contexts', all.at, () => EXAMPLE);
      for (const { name, value, at } of this.entries(map, 'contexts.', () => EXAMPLE))
        contexts.set(this.#checked(contextName, name, 'contexts', at), this.#context(name, value, at));
    }
    return {
      current:
        current === undefined ? undefined : this.#value(contextName, current, 'current', 'the name of a context'),
      contexts,
    };
  }

  /** What is not changed stays as it is written, with its comments. */
  textWith({ set, remove, current }: ContextsChange): string {
    const isChanged = [
      set !== undefined && this.#set(set.name, set.keys),
      remove !== undefined && this.document.deleteIn(['contexts', remove]),
      current !== undefined && this.#put(this.#top(), 'current', current ?? undefined),
    ].includes(true);
    return isChanged ? this.document.toString({ lineWidth: 0 }) : this.#text;
  }

  #set(name: string, keys: WrittenContext): boolean {
    const contexts = mapIn(this.#top(), 'contexts');
    const context = mapIn(contexts, name);
    return Object.entries(keys)
      .map(([key, value]) => this.#put(context, key, value))
      .includes(true);
  }

  /** Whether that changes anything. */
  #put(map: YAMLMap, key: string, value: unknown): boolean {
    if (isDeepStrictEqual((map.toJS(this.document) as WrittenContext)[key], value)) return false;
    if (value === undefined) return map.delete(key);
    map.set(key, this.document.createNode(value));
    return true;
  }

  #top(): YAMLMap {
    const { document } = this;
    if (isMap(document.contents)) return document.contents;
    const made = new YAMLMap(document.schema);
    document.contents = made;
    return made;
  }

  #context(name: string, node: Node | null, at: number | undefined): Context {
    const prefix = `contexts.${name}.`;
    const map = this.mapping(node, `contexts.${name}`, at, () => `keys of it: ${CONTEXT_KEYS.join(', ')}`);
    const keys = this.#keys(map, prefix, CONTEXT_KEYS);
    const hosts = keys.get('hosts');
    if (hosts === undefined)
      throw this.wrong(at, `${prefix}hosts is missing`, 'name a server, for instance hosts: [pve1.example]');
    const caFile = keys.get('caFile');
    const bare = keys.get('bare');
    const routes = keys.get('routes');
    const ssh = keys.get('ssh');
    return {
      name,
      file: this.#file,
      line: this.line(at),
      hosts: this.#hosts(hosts, `${prefix}hosts`),
      caFile: caFile && this.#value(directoryPath, caFile, `${prefix}caFile`, 'an absolute path'),
      identity: this.#identity(keys, prefix, at),
      bare: bare !== undefined && this.#boolean(bare, `${prefix}bare`),
      routes: routes === undefined ? [] : this.#routes(routes, `${prefix}routes`),
      ...this.#ssh(ssh, `${prefix}ssh`),
    };
  }

  #hosts({ value, at }: Found, what: string): readonly [Host, ...Host[]] {
    const items = isSeq(value) ? (value.items as Node[]) : [];
    const [first, ...others] = items.map((item) => this.#host(item, what));
    if (first !== undefined) return [first, ...others];
    this.refuseAlias(value, what);
    throw this.wrong(
      value?.range?.[0] ?? at,
      `${what} must be a list of servers`,
      'write for instance [pve1.example:8006, pve2.example:8006]',
    );
  }

  #host(node: Node, what: string): Host {
    const at = node.range?.[0];
    const form = 'an address such as pve1.example:8006';
    if (!isMap(node)) return { ...this.#value(serverAddress, { value: node, at }, what, form), fingerprint: undefined };
    const keys = this.#keys(node, `${what}.`, HOST_KEYS);
    const address = keys.get('address');
    if (address === undefined) throw this.wrong(at, `${what}.address is missing`, `write ${form}`);
    const pin = keys.get('fingerprint');
    return {
      ...this.#value(serverAddress, address, `${what}.address`, form),
      fingerprint: pin && this.#value(fingerprintOf, pin, `${what}.fingerprint`, 'it in quotes'),
    };
  }

  #identity(keys: ReadonlyMap<string, Found>, prefix: string, at: number | undefined): Identity {
    const [user, token] = [keys.get('user'), keys.get('token')];
    const sources = [...keys].filter(([key]) => Object.hasOwn(SOURCES, key)) as [SourceKey, Found][];
    const kind = user === undefined ? 'token' : 'password';
    for (const [key, { at: place }] of sources) {
      if (!key.startsWith(kind) || (user !== undefined && token !== undefined))
        throw this.wrong(
          place,
          `${prefix}${key} does not go with what else is there`,
          'a context has a user with a password, or a token with its secret',
        );
    }
    if ((user === undefined) === (token === undefined)) {
      const what = user === undefined ? 'user or token is missing' : 'user and token are both set';
      throw this.wrong(
        (token ?? { at }).at,
        `${prefix === '' ? '' : `${prefix.slice(0, -1)}: `}${what}`,
        'set one: user: root@pam, or token: root@pam!name',
      );
    }
    const [first, second] = sources;
    if (second !== undefined)
      throw this.wrong(second[1].at, `${prefix}${second[0]} is one source too many`, `there is ${first?.[0]} already`);
    const source = first && this.#source(first[0], first[1], prefix);
    if (user !== undefined) {
      const name = this.#value(userName, user, `${prefix}user`, 'user@realm');
      return { kind: 'user', user: name, password: source };
    }
    const id = this.#value(tokenId, token as Found, `${prefix}token`, 'user@realm!name');
    if (source !== undefined) return { kind: 'token', id, secret: source };
    throw this.wrong(token?.at, `${prefix}token has no secret`, 'set tokenFile, tokenVariable or tokenCommand');
  }

  #source(key: SourceKey, found: Found, prefix: string): SecretSource {
    const what = `${prefix}${key}`;
    const kind = SOURCES[key];
    if (kind === 'file') return { kind, path: this.#value(directoryPath, found, what, 'an absolute path') };
    if (kind === 'variable') return { kind, name: this.#value(variableName, found, what, 'the name of a variable') };
    const [program, ...args] = this.#list(found, what, 'a list of words such as [pass, show, pve]');
    if (program !== undefined && program !== '') return { kind, argv: [program, ...args] };
    throw this.wrong(found.at, `${what} names no program`, 'write a list of words such as [pass, show, pve]');
  }

  #routes(found: Found, what: string): ApiRoute[] {
    if (isEmpty(found.value)) return [];
    const form = `a list of ${API_ROUTES.join(', ')}`;
    return orderedRoutes(this.#list(found, what, form).map((name) => this.#checked(routeName, name, what, found.at)));
  }

  #ssh(found: Found | undefined, what: string): Pick<Context, 'ssh' | 'sshNodes'> {
    const sshNodes = new Map<string, SshSettings>();
    const none = { destination: undefined, options: undefined, sudo: undefined };
    if (found === undefined || isEmpty(found.value)) return { ssh: none, sshNodes };
    const hint = (): string => `keys of it: ${[...SSH_KEYS, 'nodes'].join(', ')}`;
    const keys = this.#keys(this.mapping(found.value, what, found.at, hint), `${what}.`, [...SSH_KEYS, 'nodes']);
    const nodes = keys.get('nodes');
    if (nodes !== undefined && !isEmpty(nodes.value)) {
      const map = this.mapping(nodes.value, `${what}.nodes`, nodes.at, () => 'name nodes there');
      for (const { name, value, at } of this.entries(map, `${what}.nodes.`, () => 'name nodes there')) {
        const place = `${what}.nodes.${this.#checked(nodeName, name, `${what}.nodes`, at)}`;
        const node = this.mapping(value, place, at, () => `keys of it: ${SSH_KEYS.join(', ')}`);
        sshNodes.set(name, this.#sshSettings(this.#keys(node, `${place}.`, SSH_KEYS), place));
      }
    }
    return { ssh: this.#sshSettings(keys, what), sshNodes };
  }

  #sshSettings(keys: ReadonlyMap<string, Found>, what: string): SshSettings {
    const [destination, options, sudo] = ['destination', 'options', 'sudo'].map((key) => keys.get(key));
    return {
      destination:
        destination && this.#value(sshDestination, destination, `${what}.destination`, 'for instance root@{node}'),
      options: options && this.#list(options, `${what}.options`, 'a list of words such as [-p, "2222"]'),
      sudo: sudo && this.#boolean(sudo, `${what}.sudo`),
    };
  }

  /** The keys of a mapping, all of which are known. */
  #keys(map: YAMLMap, prefix: string, known: readonly string[]): Map<string, Found> {
    const keys = new Map<string, Found>();
    for (const { name, value, at } of this.entries(map, prefix, () => `use: ${known.join(', ')}`)) {
      if (!known.includes(name)) {
        const meant = nearest(name, known);
        const hint = meant === undefined ? `the keys there are: ${known.join(', ')}` : `did you mean ${meant}?`;
        throw this.wrong(at, `unknown key ${quoted(`${prefix}${name}`)}`, hint);
      }
      keys.set(name, { value, at });
    }
    return keys;
  }

  #value<T>(read: (text: string) => T, { value, at }: Found, what: string, form: string): T {
    return this.#checked(read, this.text(value, what, form, at), what, value?.range?.[0] ?? at);
  }

  #checked<T>(read: (text: string) => T, text: string, what: string, at: number | undefined): T {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error;
      throw this.wrong(at, `${what}: ${error.message}`, error.hint);
    }
  }

  #boolean({ value, at }: Found, what: string): boolean {
    if (isScalar(value) && typeof value.value === 'boolean') return value.value;
    this.refuseAlias(value, what);
    throw this.wrong(value?.range?.[0] ?? at, `${what} is neither true nor false`, 'write true or false');
  }

  #list({ value, at }: Found, what: string, form: string): string[] {
    if (isSeq(value)) return (value.items as Node[]).map((item) => this.text(item, what, form));
    this.refuseAlias(value, what);
    throw this.wrong(value?.range?.[0] ?? at, `${what} is no list`, `write ${form}`);
  }
}

function variableName(text: string): string {
  if (/^[A-Za-z_]\w*$/.test(text)) return text;
  // Whoever writes the secret itself there must not read it in the message.
  throw new InvalidValue('that is no name of a variable', 'write the name of the variable that holds the secret');
}

function nodeName(text: string): string {
  if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i.test(text)) return text;
  throw new InvalidValue(`${quoted(text)} is no name of a node`, 'use letters, digits and "-"');
}

/** What ssh would take for an option is none. */
function sshDestination(text: string): string {
  if (/^[^-\s]\S*$/.test(text)) return text;
  throw new InvalidValue(`${quoted(text)} is no destination for ssh`, 'write for instance root@{node}');
}

/** The mapping of a key, which is made where there is none yet. */
function mapIn(map: YAMLMap, key: string): YAMLMap {
  const found = map.get(key, true);
  if (isMap(found)) return found;
  const made = new YAMLMap(map.schema);
  map.set(key, made);
  return made;
}
