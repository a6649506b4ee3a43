// /v1/domains and what is below it: what domains there are, their rows, and the orders to flush and to compact.
//
// A domain's name is given percent-encoded ("metastore%2F0") or with its slash. Answers are bounded: at most 1000 rows or about
// 4 MiB of values, and only a few row requests are worked on at a time, so that reading never holds much memory.

import { EngineError } from '../base/errors.ts';
import type { DomainReads, DomainRow, ScanOptions } from '../domain/domain.ts';
import { type AdminAnswer, type AdminRequest, jsonAnswer, notAllowed, refusal } from './admin-answer.ts';
import type { AdministeredDomain, AdminOperations, DomainStatus } from './admin-operations.ts';
import { limitIn, refuseStrangers, switchIn } from './admin-query.ts';

const rowsMax = 1000;
const rowsDefault = 100;
const pageBytesMax = 4 * 1024 * 1024;
/** Read at a time: values have up to 1 MiB, and what is read beyond the page is thrown away. */
const rowsAtATime = 16;
const rowRequestsMax = 4;

const actions = { rows: 'GET', row: 'GET', manifest: 'GET', flush: 'POST', compact: 'POST' } as const;
type Action = keyof typeof actions;

export class AdminDomainRoutes {
  readonly #operations: AdminOperations;
  readonly #clusterId: string;
  readonly #nowMs: () => number;
  #rowRequests = 0;

  constructor(operations: AdminOperations, clusterId: string, nowMs: () => number) {
    this.#operations = operations;
    this.#clusterId = clusterId;
    this.#nowMs = nowMs;
  }

  /** Undefined for a path that is not of here. Throws the domain's errors. */
  async answer(request: AdminRequest): Promise<AdminAnswer | undefined> {
    const { path, method } = request;
    if (path === '/v1/domains') return method === 'GET' ? this.#list() : notAllowed('GET');
    if (!path.startsWith('/v1/domains/')) return undefined;
    const found = this.#find(decoded(path.slice('/v1/domains/'.length)));
    if (found === undefined) return refusal(404, 'no such domain, or nothing of this name below it; see /v1/domains');
    const { domain, action } = found;
    const wanted = action === undefined ? 'GET' : actions[action];
    if (method !== wanted) return notAllowed(wanted);
    return this.#act(domain, action, request.query);
  }

  #find(rest: string): { readonly domain: AdministeredDomain; readonly action: Action | undefined } | undefined {
    const { domains } = this.#operations;
    const named = (name: string) => domains.find((one) => one.name === name);
    const whole = named(rest);
    if (whole !== undefined) return { domain: whole, action: undefined };
    const slash = rest.lastIndexOf('/');
    const action = rest.slice(slash + 1);
    const domain = named(rest.slice(0, Math.max(slash, 0)));
    return domain !== undefined && Object.hasOwn(actions, action) ? { domain, action: action as Action } : undefined;
  }

  #list(): AdminAnswer {
    return jsonAnswer(200, {
      schema: 'cloudtopics/admin-domains/v1',
      clusterId: this.#clusterId,
      at: new Date(this.#nowMs()).toISOString(),
      domains: this.#operations.domains.map((domain) => domain.status()),
      caches: this.#operations.caches(),
    });
  }

  async #act(domain: AdministeredDomain, action: Action | undefined, query: URLSearchParams): Promise<AdminAnswer> {
    switch (action) {
      case undefined:
        return jsonAnswer(200, this.#described(domain.status()));
      case 'manifest':
        return jsonAnswer(200, { domain: domain.name, manifest: domain.status().manifest });
      case 'row':
        return jsonAnswer(200, await readRow(domain, query));
      case 'rows':
        return this.#rows(domain, query);
      case 'flush':
      case 'compact': {
        const began = this.#nowMs();
        await (action === 'flush' ? domain.flush() : domain.compact());
        const tookMs = this.#nowMs() - began;
        return jsonAnswer(200, { domain: domain.name, tookMs, manifest: domain.status().manifest });
      }
    }
  }

  #described(status: DomainStatus) {
    return { schema: 'cloudtopics/admin-domain/v1', clusterId: this.#clusterId, ...status };
  }

  async #rows(domain: AdministeredDomain, query: URLSearchParams): Promise<AdminAnswer> {
    const options = scanOptions(query);
    if (this.#rowRequests >= rowRequestsMax) return refusal(503, 'too many requests for rows at a time; try again');
    this.#rowRequests++;
    try {
      const { rows, more } = await readPage(domain.reads, options);
      const shown = rows.map(({ key, value }) => ({ key, value: value.toString('base64') }));
      return jsonAnswer(200, { domain: domain.name, rows: shown, more });
    } finally {
      this.#rowRequests--;
    }
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new EngineError('usage', 'the path is not percent-encoded UTF-8');
  }
}

async function readRow(domain: AdministeredDomain, query: URLSearchParams) {
  const key = query.get('key');
  if (key === null || key === '') throw new EngineError('usage', 'give the row to read: ?key=…');
  const value = await domain.reads.get(key);
  return { domain: domain.name, key, value: value?.toString('base64') ?? null };
}

function scanOptions(query: URLSearchParams): ScanOptions & { readonly limit: number } {
  refuseStrangers(query, ['prefix', 'after', 'from', 'before', 'reverse', 'limit']);
  const limit = limitIn(query, rowsMax, rowsDefault);
  const options: Record<string, string> = {};
  for (const name of ['prefix', 'after', 'from', 'before']) {
    const value = query.get(name);
    if (value !== null) options[name] = value;
  }
  return { ...options, limit, reverse: switchIn(query, 'reverse') };
}

/** `more`: rows follow behind the last one. */
async function readPage(
  reads: DomainReads,
  options: ScanOptions & { readonly limit: number },
): Promise<{ rows: DomainRow[]; more: boolean }> {
  const rows: DomainRow[] = [];
  let bytes = 0;
  for (let from: ScanOptions = {}; ; ) {
    const limit = Math.min(rowsAtATime, options.limit + 1 - rows.length);
    const read = await reads.scan({ ...options, ...from, limit });
    for (const row of read) {
      if (rows.length === options.limit || (rows.length > 0 && bytes >= pageBytesMax)) return { rows, more: true };
      rows.push(row);
      bytes += row.key.length + row.value.length;
    }
    const last = read.at(-1);
    if (last === undefined || read.length < limit) return { rows, more: false };
    from = options.reverse === true ? { before: last.key } : { after: last.key };
  }
}
