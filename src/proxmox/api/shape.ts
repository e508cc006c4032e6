/** What an answer of the API must look like. Nothing that a server says is taken for what it should be. */

/** Thrown by a reader: an answer is not as it must be. It never leaves this room. */
export class Misfit extends Error {
  override readonly name = 'Misfit';
}

/** By name: who reads an answer may be of another bundle than who asks for it. */
export function isMisfit(error: unknown): error is Misfit {
  return error instanceof Error && error.name === 'Misfit';
}

/**
 * Understands a part of an answer.
 *
 * @param at where in the answer it is, for people; empty for all of it.
 * @throws Misfit
 */
export type Reader<Value> = (value: unknown, at: string) => Value;

/**
 * Perl has no types: what is written as a number in one version is a string in another.
 */
export const text: Reader<string> = (value, at) => {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw misfit(at, 'no text');
};

/** A number that is not negative. */
export const amount: Reader<number> = (value, at) => {
  const number = typeof value === 'string' && /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number) && number >= 0) return number;
  throw misfit(at, 'no number');
};

/** Booleans are 0 and 1 there. */
export const flag: Reader<boolean> = (value, at) => {
  if (value === 1 || value === '1' || value === true) return true;
  if (value === 0 || value === '0' || value === false || value === '') return false;
  throw misfit(at, 'neither 0 nor 1');
};

/** The number of a guest, as text. */
export const guestNumber: Reader<string> = (value, at) => {
  const id = text(value, at);
  if (/^[1-9]\d{2,8}$/.test(id)) return id;
  throw misfit(at, 'no VMID');
};

/** The name of a node: one label of a host name. */
export const nodeName: Reader<string> = (value, at) => {
  const name = text(value, at);
  if (/^[a-z\d](?:[a-z\d-]*[a-z\d])?$/i.test(name) && name.length <= MAX_NODE_NAME) return name;
  throw misfit(at, 'no name of a node');
};

const MAX_NODE_NAME = 63;

/** One of a few words. */
export function oneOf<Word extends string>(...words: readonly Word[]): Reader<Word> {
  return (value, at) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw misfit(at, `none of ${words.join(', ')}`);
  };
}

/** What may be missing, which Perl also writes as `null`. */
export function optional<Value>(read: Reader<Value>): Reader<Value | undefined> {
  return (value, at) => (value === undefined || value === null ? undefined : read(value, at));
}

export function list<Value>(read: Reader<Value>): Reader<Value[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw misfit(at, 'no list');
    return value.map((each: unknown, index) => read(each, `${at}[${index}]`));
  };
}

/** The members that are named; there may be others. */
export function object<Value extends object>(readers: { [Key in keyof Value]: Reader<Value[Key]> }): Reader<Value> {
  const entries = Object.entries<Reader<unknown>>(readers);
  return (value, at) => {
    const members = membersOf(value, at);
    return Object.fromEntries(
      entries.map(([key, read]) => [key, read(members.get(key), at === '' ? key : `${at}.${key}`)]),
    ) as Value;
  };
}

/** Members of any names. */
export function table<Value>(read: Reader<Value>): Reader<Map<string, Value>> {
  return (value, at) =>
    new Map([...membersOf(value, at)].map(([key, each]) => [key, read(each, at === '' ? 'a member' : `${at}.*`)]));
}

/** Its own ones only: an answer may name what every object has. */
function membersOf(value: unknown, at: string): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw misfit(at, 'no object');
  return new Map(Object.entries(value));
}

function misfit(at: string, what: string): Misfit {
  return new Misfit(`${at === '' ? 'the data' : at} is ${what}`);
}
