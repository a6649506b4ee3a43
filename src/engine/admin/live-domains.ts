// A live broker's domains, over the HTTP of its admin server: what they are, their rows, and the orders to flush and to compact.
//
// - an answer has a limit in bytes and in time; orders take as long as they take, unless the caller sets a time
// - errors of the broker come out as what they were there; no answer is `broker-unavailable`
// - the broker limits the rows of an answer: a scan asks until it has what was asked for

import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type Clock, sleep } from '../base/clock.ts';
import { type ErrorCode, errorTable } from '../base/error-table.ts';
import { EngineError, type ErrorContext, hasCode } from '../base/errors.ts';
import type { DomainReads, DomainRow, ScanOptions } from '../domain/domain.ts';
import {
  type LiveCluster,
  type LiveOrderResult,
  liveCluster,
  liveOrderResult,
  liveRow,
  liveRows,
} from './live-status-format.ts';

export interface LiveDomainsOptions {
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
const rowsPerRequest = 1000;
const busyTries = 5;
const busyPauseMs = 200;

type Order = 'flush' | 'compact';

export class LiveDomains {
  readonly #options: LiveDomainsOptions;

  constructor(options: LiveDomainsOptions) {
    this.#options = options;
  }

  get address(): string {
    return this.#options.url.origin;
  }

  async cluster(): Promise<LiveCluster> {
    return liveCluster(await this.#ask('GET', '/v1/domains', readTimeoutMs));
  }

  /** A domain that does not exist is noticed when it is read: `domain-not-found`. */
  reads(name: string): DomainReads {
    const path = `/v1/domains/${encodeURIComponent(name)}`;
    return {
      get: async (key) => liveRow(await this.#ask('GET', `${path}/row?${new URLSearchParams({ key })}`, readTimeoutMs)),
      scan: (options) => this.#scan(path, options),
    };
  }

  /** Resolves when it is done; then everything that was written before is in the bucket. */
  async order(order: Order, name: string): Promise<LiveOrderResult> {
    return liveOrderResult(await this.#ask('POST', `/v1/domains/${encodeURIComponent(name)}/${order}`, undefined));
  }

  async #scan(path: string, options: ScanOptions): Promise<DomainRow[]> {
    const rows: DomainRow[] = [];
    const { limit = Number.POSITIVE_INFINITY, reverse = false, ...bounds } = options;
    for (let place: ScanOptions = {}; rows.length < limit; ) {
      const query = new URLSearchParams({
        ...(bounds as Record<string, string>),
        ...(place as Record<string, string>),
        reverse: String(reverse),
        limit: String(Math.min(rowsPerRequest, limit - rows.length)),
      });
      const page = liveRows(await this.#ask('GET', `${path}/rows?${query}`, readTimeoutMs));
      for (const row of page.rows) rows.push(row);
      const last = page.rows.at(-1);
      if (!page.more || last === undefined) break;
      place = reverse ? { before: last.key } : { after: last.key };
    }
    return rows;
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
      throw brokerError(status, answer, url);
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
function brokerError(status: number, answer: unknown, url: URL): EngineError {
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
    return new EngineError('domain-not-found', `the broker at ${url.origin}: ${said}`, { context: { status } });
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
