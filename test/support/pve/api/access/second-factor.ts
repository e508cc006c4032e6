/** A user's second factor: time-based codes (RFC 6238: SHA-1, 6 digits, 30 s) and recovery keys. */
import { createHmac } from 'node:crypto';

export interface SecondFactorOptions {
  /** The secret of a code generator, in base32. */
  totpSecret?: string;
  recoveryKeys?: readonly string[];
}

const STEP_SECONDS = 30;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export class SecondFactor {
  readonly #totpSecret: string | undefined;
  readonly #recoveryKeys: (string | undefined)[];
  #lastStep = 0;

  constructor({ totpSecret, recoveryKeys = [] }: SecondFactorOptions) {
    this.#totpSecret = totpSecret;
    this.#recoveryKeys = [...recoveryKeys];
  }

  /** What the server offers: kinds of factors, and for recovery keys the numbers of those not used yet. */
  challenge(): Record<string, unknown> {
    const left = this.#recoveryKeys.flatMap((key, index) => (key === undefined ? [] : [index]));
    return {
      ...(this.#totpSecret === undefined ? {} : { totp: true }),
      ...(left.length === 0 ? {} : { recovery: left }),
    };
  }

  /** Takes `totp:CODE` or `recovery:KEY`; each can be used once. */
  verify(response: string, seconds: number): boolean {
    const [, kind, value = ''] = /^([a-z0-9]+):(.*)$/s.exec(response) ?? [];
    if (kind === 'recovery') {
      const index = this.#recoveryKeys.indexOf(value);
      if (index >= 0) this.#recoveryKeys[index] = undefined;
      return index >= 0;
    }
    return kind === 'totp' && this.#verifyCode(value, seconds);
  }

  #verifyCode(code: string, seconds: number): boolean {
    const secret = this.#totpSecret;
    if (secret === undefined) return false;
    const now = Math.floor(seconds / STEP_SECONDS);
    const step = [now - 1, now, now + 1].find((each) => totpCode(secret, each * STEP_SECONDS) === code);
    if (step === undefined || step <= this.#lastStep) return false;
    this.#lastStep = step;
    return true;
  }
}

/** What the user's code generator shows. */
export function totpCode(secret: string, seconds = Date.now() / 1000): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(seconds / STEP_SECONDS)));
  const hash = createHmac('sha1', base32(secret)).update(counter).digest();
  const offset = (hash.at(-1) ?? 0) & 0xf;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

function base32(text: string): Buffer {
  const bits = text
    .replaceAll(/[\s=]/g, '')
    .toUpperCase()
    .split('')
    .map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
