// A client of a live broker's admin server: what the server answers, as JSON.
//
// - an answer has a limit in bytes and in time; orders take as long as they take, unless the caller sets a time
// - errors of the broker come out as what they were there; no answer is `broker-unavailable`
// - a broker that has its hands full is asked again, a few times

import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type Clock, sleep } from '../base/clock.ts';
import { type ErrorCode, errorTable } from '../base/error-table.ts';
import { EngineError, type ErrorContext, hasCode } from '../base/errors.ts';

export interface AdminClientOptions {
  /** "http://127.0.0.1:9644" */
  readonly url: URL;
  readonly clock: Clock;
  /** For each request; 30 s for reads and no limit for orders where not given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const readTimeoutMs = 30_000;
/** A page has about 4 MiB of values, a last row of 1 MiB beyond them, keys, and all of it in base64 or escaped. */
const answerBytesMax = 32 * 1024 * 1024;
const busyTries = 5;
const busyPauseMs = 200;

export class AdminClient {
  readonly #options: AdminClientOptions;
  readonly #missing: ErrorCode;

  /** `missing`: what it means when the server knows no such path. */
  constructor(options: AdminClientOptions, missing: ErrorCode) {
    this.#options = options;
    this.#missing = missing;
  }

  get address(): string {
    return this.#options.url.origin;
  }

  read(path: string): Promise<unknown> {
    return this.#ask('GET', path, readTimeoutMs);
  }

  order(path: string): Promise<unknown> {
    return this.#ask('POST', path, undefined);
  }

  async #ask(method: 'GET' | 'POST', path: string, timeoutMs: number | undefined): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#askOnce(method, path, this.#options.timeoutMs ?? timeoutMs);
      } catch (error) {
        // A broker that has its hands full does nothing of what it was asked: only then is asking again always right.
        if (!hasCode(error, 'broker-unavailable') || error.context['status'] !== 503 || tries >= busyTries) throw error;
        await sleep(this.#options.clock, busyPauseMs * tries, this.#options.signal);
      }
    }
  }

  async #askOnce(method: 'GET' | 'POST', path: string, timeoutMs: number | undefined): Promise<unknown> {
    const { url, signal } = this.#options;
    const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
    const signals = [signal, deadline].filter((one) => one !== undefined);
    try {
      const { status, body } = await exchange(url, path, {
        method,
        headers: { accept: 'application/json', ...(method === 'POST' ? { 'x-cloudtopics-admin': '1' } : {}) },
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      });
      const answer = parsed(body);
      if (status === 200 && answer !== undefined) return answer;
      throw brokerError(status, answer, url, this.#missing);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      if (signal?.aborted) throw signal.reason;
      if (deadline?.aborted) {
        throw new EngineError('request-timed-out', `${url.host} did not answer within ${timeoutMs} ms`, {
          cause: error,
          hint: 'give it longer with --timeout',
        });
      }
      throw unavailable(url, `no broker's admin server answers at ${url.origin}: ${reasonOf(error)}`, error);
    }
  }
}

function exchange(url: URL, path: string, options: RequestOptions): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const base = url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : url.pathname;
    const begin = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = begin(new URL(base + path, url.origin), options, (response) => {
      collected(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    request.on('error', reject);
    request.end();
  });
}

async function collected(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > answerBytesMax) {
      throw new EngineError('request-too-large', `the admin server's answer has more than ${answerBytesMax} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** What the broker said, as the error that it was there. */
function brokerError(status: number, answer: unknown, url: URL, missing: ErrorCode): EngineError {
  const fields = (typeof answer === 'object' && answer !== null ? answer : {}) as Readonly<Record<string, unknown>>;
  const { error, code, context, hint } = fields;
  const said = typeof error === 'string' ? error : `it answers with HTTP status ${status}`;
  if (typeof code === 'string' && Object.hasOwn(errorTable, code)) {
    return new EngineError(code as ErrorCode, said, {
      context: plainContext(context),
      ...(typeof hint === 'string' ? { hint } : {}),
    });
  }
  if (status === 404) {
    return new EngineError(missing, `the broker at ${url.origin}: ${said}`, { context: { status } });
  }
  if (status === 401 || status === 403) {
    return new EngineError('invalid-request', `the admin server at ${url.origin} refuses: ${said}`, {
      context: { status },
      hint: 'name the broker as its --admin does',
    });
  }
  return unavailable(url, `the admin server at ${url.origin} cannot do it: ${said}`, undefined, { status });
}

function plainContext(context: unknown): ErrorContext {
  if (typeof context !== 'object' || context === null) return {};
  const plain = Object.entries(context).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
  return Object.fromEntries(plain) as ErrorContext;
}

function unavailable(url: URL, message: string, cause: unknown, context: ErrorContext = {}): EngineError {
  return new EngineError('broker-unavailable', message, {
    cause,
    context: { host: url.hostname, port: url.port, ...context },
    hint: 'cloudtopics serve, give the right --admin URL, or read the bucket with --store URL',
  });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
