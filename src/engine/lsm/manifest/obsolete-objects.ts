// Lists, for the collector, what of a store's objects nobody needs any more, and why the others are kept (obsolete-policy.ts).
// It only reads. Whoever deletes confirms first that the cluster is still his.

import { EngineError } from '../../base/errors.ts';
import type { CallOptions, ObjectInfo, ObjectStore } from '../../store/object-store.ts';
import { compareNames, parseName, type TableName } from '../core/table-name.ts';
import type { Manifest } from './manifest.ts';
import { listManifests, type ManifestObject, readManifest } from './manifest-objects.ts';
import { type ManifestVerdict, ObsoletePolicy, settledManifest, type TableVerdict } from './obsolete-policy.ts';

/** Manifests that are read at the same time. */
const readsMax = 8;

export interface ObsoleteOptions extends CallOptions {
  /** The manifest that the log of the store has recorded, of now or of a while ago. */
  readonly recorded: Manifest;
  /** By the store's clock. */
  readonly nowMs: number;
  /** How long a reader may go on with a manifest after a newer one has come. */
  readonly delayMs: number;
}

export interface JudgedTable {
  readonly name: TableName;
  readonly info: ObjectInfo;
  readonly verdict: TableVerdict;
}

export interface JudgedManifest extends ManifestObject {
  readonly verdict: ManifestVerdict;
}

export interface JudgedObjects {
  /** In key order. */
  readonly tables: readonly JudgedTable[];
  readonly manifests: readonly JudgedManifest[];
  /** Keys among them that are neither: not for this collector to judge. */
  readonly foreign: readonly string[];
}

/** Rejects when a manifest that counts cannot be read: then nothing is known to be obsolete. */
export async function judgeObjects(
  store: ObjectStore,
  prefix: string,
  options: ObsoleteOptions,
): Promise<JudgedObjects> {
  const { recorded, nowMs, delayMs, signal } = options;
  const call = signal === undefined ? {} : { signal };
  if (recorded.prefix !== prefix) {
    throw new EngineError('usage', `the recorded manifest is of ${recorded.prefix}, not of ${prefix}`);
  }
  const tables = await listTables(store, prefix, call);
  const manifests = await listManifests(store, prefix, call);
  const aged = manifests.manifests.map(({ name, info }) => ({ name, modifiedMs: info.modifiedMs }));
  const settled = settledManifest(aged, nowMs, delayMs);
  const policy = await readPolicy(store, prefix, settled?.name, manifests.manifests, recorded, call);
  return {
    tables: tables.found.map((table) => ({ ...table, verdict: policy.judgeTable(table.name) })),
    manifests: manifests.manifests.map((object) => ({ ...object, verdict: policy.judgeManifest(object.name) })),
    foreign: [...manifests.foreign, ...tables.foreign],
  };
}

async function readPolicy(
  store: ObjectStore,
  prefix: string,
  settled: TableName | undefined,
  manifests: readonly ManifestObject[],
  recorded: Manifest,
  call: CallOptions,
): Promise<ObsoletePolicy> {
  if (settled === undefined) return new ObsoletePolicy(undefined, recorded);
  const policy = new ObsoletePolicy((await readManifest(store, prefix, settled, call)).manifest, recorded);
  const newer = manifests.filter(({ name }) => compareNames(name, settled) > 0);
  let next = 0;
  const readNext = async () => {
    for (let object = newer[next++]; object !== undefined; object = newer[next++]) {
      policy.alsoHeldBy((await readManifest(store, prefix, object.name, call)).manifest);
    }
  };
  await Promise.all(Array.from({ length: readsMax }, readNext));
  return policy;
}

async function listTables(
  store: ObjectStore,
  prefix: string,
  call: CallOptions,
): Promise<{ found: { name: TableName; info: ObjectInfo }[]; foreign: string[] }> {
  const below = `${prefix}sst/`;
  const found: { name: TableName; info: ObjectInfo }[] = [];
  const foreign: string[] = [];
  for await (const info of store.list({ ...call, prefix: below })) {
    const name = parseName(info.key.slice(below.length));
    if (name === undefined) foreign.push(info.key);
    else found.push({ name, info });
  }
  return { found, foreign };
}
