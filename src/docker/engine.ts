import { LxcriError, isLxcriError } from '../model/errors.ts';
import type { CommandStream, Engine, EngineAnswer } from '../model/engine.ts';
import { dial } from './dial.ts';
import type { Line } from './dial.ts';
import { endpointName } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { BrokenAnswerError, HttpConnection } from './http.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';

/** How long a connection that is not used is kept, and trusted to be still there. */
const IDLE_MS = 1000;

/** How long an answer may take, to its last byte, as that of a cluster. */
const ANSWER_MS = 40_000;

interface Idle {
  readonly line: Line;
  readonly http: HttpConnection;
  readonly timer: NodeJS.Timeout;
}

/** A client of the Docker Engine API. It opens what connections it needs, and keeps them for a moment. */
export class EngineClient implements Engine {
  readonly name: string;
  readonly #endpoint: Endpoint;
  readonly #env: NodeJS.ProcessEnv;
  readonly #answerMs: number;
  readonly #idle: Idle[] = [];
  #version: readonly [number, number] = [0, 0];

  /** @param answerMs how long each answer may take. */
  constructor(endpoint: Endpoint, env: NodeJS.ProcessEnv, answerMs: number = ANSWER_MS) {
    this.name = endpointName(endpoint);
    this.#endpoint = endpoint;
    this.#env = env;
    this.#answerMs = answerMs;
  }

  get version(): readonly [number, number] {
    return this.#version;
  }

  async request(
    method: 'GET' | 'POST' | 'HEAD',
    path: string,
    body?: unknown,
    abort?: AbortSignal,
    isLong = false,
  ): Promise<EngineAnswer> {
    const { answer, line, http } = await this.#exchange({ method, path, body }, abort, isLong);
    if (http.isOpen && answer.headers.get('connection')?.toLowerCase() !== 'close') this.#keep(line, http);
    else http.close();
    return engineAnswer(answer);
  }

  async upgrade(path: string, body: unknown, abort?: AbortSignal): Promise<EngineAnswer | CommandStream> {
    const { answer, line, http } = await this.#exchange({ method: 'POST', path, body, upgrade: true }, abort);
    if (answer.status === 101) return { stream: http.release(), mayBeReset: line.mayBeReset };
    http.close();
    return engineAnswer(answer);
  }

  warmUp(): void {
    dial(this.#endpoint, this.#env).then(
      (line) => this.#keep(line, new HttpConnection(line.stream)),
      // Whoever needs it hears of it.
      () => {},
    );
  }

  close(): void {
    for (const { http, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      http.close();
    }
  }

  #keep(line: Line, http: HttpConnection): void {
    // An idle connection is no reason to stay alive.
    line.hold(false);
    const timer = setTimeout(() => {
      this.#idle.splice(
        this.#idle.findIndex((each) => each.http === http),
        1,
      );
      http.close();
    }, IDLE_MS);
    timer.unref();
    this.#idle.push({ line, http, timer });
  }

  async #connection(abort: AbortSignal | undefined): Promise<{ line: Line; http: HttpConnection }> {
    for (let idle = this.#idle.shift(); idle !== undefined; idle = this.#idle.shift()) {
      clearTimeout(idle.timer);
      if (idle.http.isOpen) {
        idle.line.hold(true);
        return idle;
      }
      idle.http.close();
    }
    const line = await dial(this.#endpoint, this.#env, abort);
    return { line, http: new HttpConnection(line.stream) };
  }

  async #exchange(
    request: HttpRequest,
    abort: AbortSignal | undefined,
    isLong = false,
  ): Promise<{ answer: HttpAnswer; line: Line; http: HttpConnection }> {
    const { line, http } = await this.#connection(abort);
    const stop = (): void => http.close();
    abort?.addEventListener('abort', stop);
    const deadline = isLong ? undefined : setTimeout(() => http.close(this.#silent()), this.#answerMs);
    try {
      abort?.throwIfAborted();
      const answer = await http.exchange(request);
      const [, major, minor] = /^(\d+)\.(\d+)$/.exec(answer.headers.get('api-version') ?? '') ?? [];
      if (major !== undefined) this.#version = [Number(major), Number(minor)];
      return { answer, line, http };
    } catch (error) {
      http.close();
      abort?.throwIfAborted();
      if (!(error instanceof BrokenAnswerError)) throw error;
      throw this.#lost(request, error);
    } finally {
      clearTimeout(deadline);
      abort?.removeEventListener('abort', stop);
    }
  }

  #silent(): LxcriError {
    return new LxcriError(
      'PlatformUnreachable',
      `the Docker engine at ${this.name} has not answered within ${this.#answerMs / 1000} s`,
      'see whether it is well: docker version',
    );
  }

  #lost({ method }: HttpRequest, error: BrokenAnswerError): LxcriError {
    const { cause } = error;
    // It has its own words for that; ssh fails after it was given the request.
    if (isLxcriError(cause) && method !== 'POST') return cause;
    return new LxcriError(
      method === 'POST' ? 'ConnectionLost' : 'PlatformUnreachable',
      isLxcriError(cause)
        ? cause.message
        : `the connection to the Docker engine at ${this.name} was lost: ${error.message}`,
      'see whether it runs, and what it has done: proxmox-lxcri ps',
      { cause: error },
    );
  }
}

function engineAnswer({ status, body }: HttpAnswer): EngineAnswer {
  let json: unknown;
  try {
    json = body.length === 0 ? undefined : JSON.parse(body.toString());
  } catch {
    // Not every answer is JSON.
  }
  return { status, body: json, bytes: body };
}
