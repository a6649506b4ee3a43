// All L1 objects of a cluster, as the metastore has them and, where asked to, beside what is in the bucket: `l1 list`. In the order of
// their ids, with one page of rows per domain and one page of the listing in memory.
//
// Rows and bucket change while they are read: what one has and the other has not is looked at again before it is said.

import { pagedRows } from '../audit/audit.ts';
import { toEngineError } from '../base/errors.ts';
import { formatL1Key, l1Prefix } from '../l1/l1-key-format.ts';
import { isUuid, objectKey, objectKeyPrefix } from '../metastore/metastore-key-format.ts';
import { decodeObjectRow, type ObjectState } from '../metastore/object-row-format.ts';
import type { ObjectInfo, ObjectStore } from '../store/object-store.ts';
import { openDomains } from './metadata-rows.ts';
import type { MetadataSource, PicturedDomain, PictureMoment } from './metadata-source.ts';

/** unknown: in the bucket, and no domain has a row of it. undecoded: its row does not decode. */
export type ListedState = ObjectState | 'unknown' | 'undecoded';

/** Null: not known, or not looked at. */
export interface ListedObject {
  readonly domain: string | null;
  /** Its id; the name in the bucket where that is none. */
  readonly object: string;
  /** In the bucket. */
  readonly key: string;
  readonly state: ListedState;
  /** Of the object; 0 while preregistered. */
  readonly sizeBytes: number | null;
  /** Of all extents that were ever added, and of those that are still in use. */
  readonly totalBytes: number | null;
  readonly liveBytes: number | null;
  readonly footerPosition: number | null;
  /** When its row last changed, or for an unknown one when it was written. RFC 3339. */
  readonly updated: string | null;
  readonly ageMs: number | null;
  /** What the bucket has; null where it was not looked at, or has nothing. */
  readonly stored: { readonly sizeBytes: number; readonly modified: string } | null;
  readonly finding: ListedFinding | null;
}

export interface ListedFinding {
  /** As in `metastore verify`. */
  readonly severity: 'damage' | 'error' | 'notice';
  readonly problem: string;
}

export interface L1Listing {
  readonly moments: readonly PictureMoment[];
  readonly unflushed: readonly string[];
  readonly objects: AsyncIterable<ListedObject>;
}

/** An object that is younger than the picture may be unknown because its row is not in it; clocks may be apart by so much. */
const clockMarginMs = 5 * 60 * 1000;

/** `store` undefined: the bucket is not looked at. */
export async function listL1Objects(
  source: MetadataSource,
  store: ObjectStore | undefined,
  nowMs: number,
): Promise<L1Listing> {
  const { clusterId } = source.place;
  const { domains, moments, unflushed } = await openDomains(source, undefined);
  const rows = merged(domains.map((domain) => objectsOf(domain, clusterId, nowMs)));
  if (store === undefined) return { moments, unflushed, objects: rows };
  const knownUpToMs = Math.min(...moments.map(({ time }) => Date.parse(time))) - clockMarginMs;
  const bucket: Bucket = {
    store,
    clusterId,
    domains,
    nowMs,
    // Where a domain is missing from the picture, none can say what is unknown.
    knownUpToMs: unflushed.length === 0 ? knownUpToMs : 0,
  };
  return { moments, unflushed, objects: beside(rows, bucket) };
}

async function* objectsOf(
  { name, reads }: PicturedDomain,
  clusterId: string,
  nowMs: number,
): AsyncGenerator<ListedObject> {
  for await (const { key, value } of pagedRows(reads, { prefix: objectKeyPrefix })) {
    const object = key.slice(objectKeyPrefix.length);
    const place = { domain: name, object, key: formatL1Key(clusterId, object) };
    yield { ...place, ...rowFields(key, value, nowMs) };
  }
}

function rowFields(key: string, value: Buffer, nowMs: number): Omit<ListedObject, 'domain' | 'object' | 'key'> {
  try {
    const row = decodeObjectRow(key, value);
    const { state, sizeBytes, totalBytes, removedBytes, footerPosition, lastUpdatedMs } = row;
    return {
      state,
      sizeBytes,
      totalBytes,
      liveBytes: totalBytes - removedBytes,
      footerPosition,
      updated: instant(lastUpdatedMs),
      ageMs: Math.max(0, nowMs - lastUpdatedMs),
      stored: null,
      finding: null,
    };
  } catch (error) {
    const finding = { severity: 'damage', problem: toEngineError(error).message } as const;
    return { ...nothingKnown, state: 'undecoded', finding };
  }
}

const nothingKnown = {
  sizeBytes: null,
  totalBytes: null,
  liveBytes: null,
  footerPosition: null,
  updated: null,
  ageMs: null,
  stored: null,
};

const instant = (ms: number): string | null => (ms < 0 || ms > 8.64e15 ? null : new Date(ms).toISOString());

/** Streams that are in order, as one. */
async function* merged(streams: readonly AsyncGenerator<ListedObject>[]): AsyncGenerator<ListedObject> {
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    let least = -1;
    for (const [at, head] of heads.entries()) {
      if (head.done === true) continue;
      const best = least < 0 ? undefined : heads[least];
      if (best === undefined || best.done === true || head.value.object < best.value.object) least = at;
    }
    const head = heads[least];
    if (head === undefined || head.done === true) return;
    yield head.value;
    heads[least] = await (streams[least] as AsyncGenerator<ListedObject>).next();
  }
}

interface Bucket {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly domains: readonly PicturedDomain[];
  readonly nowMs: number;
  readonly knownUpToMs: number;
}

/** Rows with what the bucket has of each, and between them what it has that no row is of. */
async function* beside(rows: AsyncGenerator<ListedObject>, bucket: Bucket): AsyncGenerator<ListedObject> {
  const { store, clusterId } = bucket;
  const prefix = l1Prefix(clusterId);
  const listing = store.list({ prefix })[Symbol.asyncIterator]();
  let [row, info] = [await rows.next(), await listing.next()];
  for (;;) {
    const name = info.done === true ? undefined : info.value.key.slice(prefix.length);
    const id = row.done === true ? undefined : row.value.object;
    if (row.done !== true && (name === undefined || row.value.object <= name)) {
      const stored = info.done !== true && name === id ? info.value : await lookAgain(row.value, bucket);
      yield withStored(row.value, stored);
      row = await rows.next();
      if (name === id) info = await listing.next();
    } else if (info.done !== true && name !== undefined) {
      const stranger = await unknownObject(name, info.value, bucket);
      if (stranger !== undefined) yield stranger;
      info = await listing.next();
    } else {
      return;
    }
  }
}

/** It may have come after its page of the listing. */
async function lookAgain(
  { object, state }: ListedObject,
  { store, clusterId }: Bucket,
): Promise<ObjectInfo | undefined> {
  return state === 'undecoded' || state === 'preregistered' ? undefined : store.head(formatL1Key(clusterId, object));
}

function withStored(one: ListedObject, info: ObjectInfo | undefined): ListedObject {
  const stored = info === undefined ? null : { sizeBytes: info.sizeBytes, modified: instant(info.modifiedMs) ?? '' };
  return { ...one, stored, finding: one.finding ?? storedFinding(one, info) };
}

function storedFinding(
  { state, sizeBytes, liveBytes }: ListedObject,
  info: ObjectInfo | undefined,
): ListedFinding | null {
  if (state === 'preregistered') {
    return info === undefined
      ? null
      : { severity: 'notice', problem: 'uploaded, and not added: under way, or left by a crash' };
  }
  if (state === 'undecoded') return null;
  // Once nothing uses it the collector may have taken it before its row.
  if (info === undefined && liveBytes === 0) return { severity: 'notice', problem: 'nothing uses it, and it is gone' };
  if (info === undefined) return { severity: 'damage', problem: 'it is not in the bucket' };
  if (info.sizeBytes === sizeBytes) return null;
  return { severity: 'damage', problem: `it has ${info.sizeBytes} bytes in the bucket, its row says ${sizeBytes}` };
}

/** Undefined where a domain has a row of it by now. */
async function unknownObject(name: string, info: ObjectInfo, bucket: Bucket): Promise<ListedObject | undefined> {
  const { domains, nowMs, knownUpToMs } = bucket;
  const isId = isUuid(name);
  const rows = isId ? await Promise.all(domains.map(({ reads }) => reads.get(objectKey(name)))) : [];
  if (rows.some((row) => row !== undefined)) return undefined;
  const mayCome = isId && info.modifiedMs >= knownUpToMs;
  const finding: ListedFinding = mayCome
    ? { severity: 'notice', problem: 'no domain has a row of it; it is younger than what is looked at' }
    : { severity: 'error', problem: 'no domain has a row of it' };
  const modified = instant(info.modifiedMs) ?? '';
  return {
    ...nothingKnown,
    domain: null,
    object: name,
    key: info.key,
    state: 'unknown',
    updated: modified,
    ageMs: Math.max(0, nowMs - info.modifiedMs),
    stored: { sizeBytes: info.sizeBytes, modified },
    finding,
  };
}
