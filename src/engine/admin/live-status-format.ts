// What a broker's admin server answers about its domains, as JSON in and checked values out; the shapes are those of
// docs/operating/admin-http.md. What is refused: answer-fields-format.ts.

import { asText, count, list, optional, record, strange, text } from './answer-fields-format.ts';

export interface LiveRowsAndBytes {
  readonly rows: number;
  readonly bytes: number;
}

export interface LiveLevel {
  readonly tables: number;
  readonly bytes: number;
  readonly entries: number;
}

export interface LiveManifest {
  readonly name: string;
  readonly key: string;
  /** RFC 3339. */
  readonly created: string;
}

/** Indexes of entries, and bytes. */
export interface LiveLog {
  /** The first entry that is kept, and the last. */
  readonly first: number;
  readonly end: number;
  /** What an opening would replay. */
  readonly tailEntries: number;
  readonly tailBytes: number;
  /** Of writes that wait to be appended. */
  readonly queuedBytes: number;
}

export interface LiveDomainStatus {
  readonly name: string;
  readonly term: number;
  readonly flushEveryMs: number;
  readonly appliedIndex: number;
  readonly coveredIndex: number;
  readonly memtable: LiveRowsAndBytes;
  readonly immutable: LiveRowsAndBytes | null;
  readonly levels: readonly LiveLevel[];
  readonly manifest: LiveManifest | null;
  /** RFC 3339; null where nothing was flushed yet. */
  readonly flushed: string | null;
  readonly dirtySince: string | null;
  readonly lastFlushMs: number | null;
  readonly log: LiveLog;
  readonly snapshots: number;
  /** Terms that were given up and opened again. */
  readonly reopenings: number;
  readonly counters: Readonly<Record<string, number>>;
}

export interface LiveCache {
  readonly bytes: number;
  readonly bytesMax: number;
  readonly hits: number;
  readonly misses: number;
}

export interface LiveCluster {
  readonly clusterId: string;
  /** RFC 3339, by the broker's clock. */
  readonly at: string;
  readonly domains: readonly LiveDomainStatus[];
  readonly caches: { readonly blocks: LiveCache; readonly disk: LiveCache | null };
}

export interface LiveRow {
  readonly key: string;
  readonly value: Buffer;
}

export interface LiveOrderResult {
  readonly tookMs: number;
  readonly manifest: LiveManifest | null;
}

export function liveCluster(answer: unknown): LiveCluster {
  const fields = record(answer, 'the list of domains');
  const caches = record(fields['caches'], 'caches');
  return {
    clusterId: text(fields, 'clusterId'),
    at: text(fields, 'at'),
    domains: list(fields, 'domains').map(domainStatus),
    caches: { blocks: cache(caches['blocks']), disk: optional(caches['disk'], cache) },
  };
}

export function liveRows(answer: unknown): { readonly rows: readonly LiveRow[]; readonly more: boolean } {
  const fields = record(answer, 'a page of rows');
  const rows = list(fields, 'rows').map((row): LiveRow => {
    const { key, value } = record(row, 'a row');
    if (typeof key !== 'string' || typeof value !== 'string') throw strange('a row has no key or no value');
    return { key, value: Buffer.from(value, 'base64') };
  });
  if (typeof fields['more'] !== 'boolean') throw strange('a page of rows does not say whether there are more');
  return { rows, more: fields['more'] };
}

export function liveRow(answer: unknown): Buffer | undefined {
  const { value } = record(answer, 'a row');
  if (value === null) return undefined;
  if (typeof value !== 'string') throw strange('a row has no value');
  return Buffer.from(value, 'base64');
}

export function liveOrderResult(answer: unknown): LiveOrderResult {
  const fields = record(answer, 'the result');
  return { tookMs: count(fields, 'tookMs'), manifest: optional(fields['manifest'], manifest) };
}

function domainStatus(answer: unknown): LiveDomainStatus {
  const fields = record(answer, 'a domain');
  return {
    name: text(fields, 'name'),
    term: count(fields, 'term'),
    flushEveryMs: count(fields, 'flushEveryMs'),
    appliedIndex: count(fields, 'appliedIndex'),
    coveredIndex: count(fields, 'coveredIndex'),
    memtable: rowsAndBytes(fields['memtable']),
    immutable: optional(fields['immutable'], rowsAndBytes),
    levels: list(fields, 'levels').map(level),
    manifest: optional(fields['manifest'], manifest),
    flushed: optional(fields['flushed'], (value) => asText(value, 'flushed')),
    dirtySince: optional(fields['dirtySince'], (value) => asText(value, 'dirtySince')),
    lastFlushMs: optional(fields['lastFlushMs'], () => count(fields, 'lastFlushMs')),
    log: log(fields['log']),
    snapshots: count(fields, 'snapshots'),
    reopenings: count(fields, 'reopenings'),
    counters: counters(fields['counters']),
  };
}

function log(answer: unknown): LiveLog {
  const fields = record(answer, 'a log');
  return {
    first: count(fields, 'first'),
    end: count(fields, 'end'),
    tailEntries: count(fields, 'tailEntries'),
    tailBytes: count(fields, 'tailBytes'),
    queuedBytes: count(fields, 'queuedBytes'),
  };
}

function level(answer: unknown): LiveLevel {
  const fields = record(answer, 'a level');
  return { tables: count(fields, 'tables'), bytes: count(fields, 'bytes'), entries: count(fields, 'entries') };
}

function manifest(answer: unknown): LiveManifest {
  const fields = record(answer, 'a manifest');
  return { name: text(fields, 'name'), key: text(fields, 'key'), created: text(fields, 'created') };
}

function rowsAndBytes(answer: unknown): LiveRowsAndBytes {
  const fields = record(answer, 'a memtable');
  return { rows: count(fields, 'rows'), bytes: count(fields, 'bytes') };
}

function cache(answer: unknown): LiveCache {
  const fields = record(answer, 'a cache');
  return {
    bytes: count(fields, 'bytes'),
    bytesMax: count(fields, 'bytesMax'),
    hits: count(fields, 'hits'),
    misses: count(fields, 'misses'),
  };
}

function counters(answer: unknown): Record<string, number> {
  const fields = record(answer, 'the counters');
  return Object.fromEntries(Object.keys(fields).map((name) => [name, count(fields, name)]));
}
