// The L1 objects in the bucket beside what the metastore knows: objects that no domain has a row of, and rows that wait for an object
// whose upload never came to its end. The first is an error once the rows would have to be in the picture; the second is what a
// crash leaves behind, and the collector's to tidy up.

import { hasCode } from '../base/errors.ts';
import { l1Prefix } from '../l1/l1-key-format.ts';
import { isUuid, objectKey, objectKeyPrefix } from '../metastore/metastore-key-format.ts';
import { decodeObjectRow } from '../metastore/object-row-format.ts';
import type { CheckFinding } from './check-finding.ts';
import type { CheckedDomain, CheckStep, MetadataCheckOptions } from './metadata-check.ts';
import { pagedRows } from './paged-rows.ts';

const objectsAtATime = 500;

/** Goes on behind the key of an object in the bucket. */
export async function* checkStored(
  options: MetadataCheckOptions,
  after: string | undefined,
): AsyncGenerator<CheckStep> {
  const { storage, metastore, nowMs } = options;
  if (storage === undefined) return;
  const { store, clusterId, knownUpToMs } = storage;
  const prefix = l1Prefix(clusterId);
  const collected = new Steps('storage', null, after);
  for await (const info of store.list({ prefix, ...(after === undefined ? {} : { startAfter: after }) })) {
    const id = info.key.slice(prefix.length);
    const rows = isUuid(id) ? await Promise.all(metastore.map((reads) => reads.get(objectKey(id)))) : [];
    if (rows.every((row) => row === undefined)) {
      const ageMs = Math.max(0, nowMs - info.modifiedMs);
      const mayCome = isUuid(id) && info.modifiedMs >= knownUpToMs;
      collected.findings.push({
        severity: mayCome ? 'notice' : 'error',
        name: 'object_unknown',
        domain: null,
        key: info.key,
        detail: mayCome
          ? `${info.sizeBytes} bytes that no domain has a row of; younger than the manifests that are looked at`
          : `${info.sizeBytes} bytes that no domain has a row of`,
        ageMs,
      });
    }
    collected.count(info.key);
    if (collected.size >= objectsAtATime) yield collected.take({ storedObjects: collected.size });
  }
  yield collected.take({ storedObjects: collected.size });
}

/** Goes on behind the key of an object row. */
export async function* checkAwaited(
  { nowMs, checkObjects }: MetadataCheckOptions,
  { name, reads }: CheckedDomain,
  after: string | undefined,
): AsyncGenerator<CheckStep> {
  const collected = new Steps('awaited', name, after);
  const bounds = { prefix: objectKeyPrefix, ...(after === undefined ? {} : { after }) };
  for await (const { key, value } of pagedRows(reads, bounds)) {
    try {
      const row = decodeObjectRow(key, value);
      if (row.state === 'preregistered') {
        const ageMs = Math.max(0, nowMs - row.lastUpdatedMs);
        const detail = 'preregistered, and nothing was added to it: an upload under way, or one that a crash ended';
        collected.findings.push({ severity: 'notice', name: 'object_awaited', domain: name, key, detail, ageMs });
      }
    } catch (error) {
      if (!hasCode(error, 'corrupt-object', 'unsupported-format')) throw error;
      // The check of the accounts has reported it already.
      if (!checkObjects) {
        const detail = error.message;
        collected.findings.push({ severity: 'damage', name: 'row_undecodable', domain: name, key, detail });
      }
    }
    collected.count(key);
    if (collected.size >= objectsAtATime) yield collected.take({ objects: collected.size });
  }
  yield collected.take({ objects: collected.size });
}

/** Findings of a few hundred objects at a time. */
class Steps {
  findings: CheckFinding[] = [];
  size = 0;
  readonly #phase: 'storage' | 'awaited';
  readonly #domain: string | null;
  #last: string | undefined;

  constructor(phase: 'storage' | 'awaited', domain: string | null, after: string | undefined) {
    this.#phase = phase;
    this.#domain = domain;
    this.#last = after;
  }

  count(key: string): void {
    this.size++;
    this.#last = key;
  }

  take(counted: CheckStep['counted']): CheckStep {
    const { findings } = this;
    this.findings = [];
    this.size = 0;
    const after = this.#last === undefined ? {} : { after: this.#last };
    return { findings, counted, position: { phase: this.#phase, domain: this.#domain, ...after } };
  }
}
