// Golden buckets: whole buckets that earlier versions wrote, kept in test/golden so that later ones prove that they read them. Each is two
// files, which docs/formats/README.md describes: the objects, and the typed rows of every domain as of every manifest.

import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describeRow, type RowView } from '../../src/engine/audit/audit.ts';
import type { Clock } from '../../src/engine/base/clock.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { openBucketView } from '../../src/engine/bucket-view/bucket-view.ts';
import { parseName } from '../../src/engine/lsm/core/table-name.ts';
import type { ManifestName } from '../../src/engine/lsm/lsm.ts';
import { MemoryStore } from '../../src/engine/store/memory-store.ts';
import type { ObjectStore } from '../../src/engine/store/object-store.ts';
import type { AcknowledgedRecord } from './bucket-salvage.ts';

export const goldenBucketSchema = 'cloudtopics/golden-bucket/v1';
export const goldenDirectory = fileURLToPath(new URL('../golden/', import.meta.url));

export interface GoldenBucketFile {
  readonly schema: typeof goldenBucketSchema;
  /** For people: which version of the program, and with what, made it. */
  readonly program: string;
  readonly madeBy: string;
  readonly cluster: string;
  readonly clusterId: string;
  /** The topic that has records in L0 objects, and the records. */
  readonly topicId: string;
  readonly records: readonly AcknowledgedRecord[];
  /** Key → base64, sorted by key. */
  readonly objects: Readonly<Record<string, string>>;
}

/** A row as some manifests of its domain show it; another state of the same row is another line. */
export interface GoldenRow {
  readonly domain: string;
  readonly key: string;
  /** Numbers of the manifests. */
  readonly manifests: readonly number[];
  readonly row: RowView;
}

/** Names of the golden buckets, sorted: "bucket-v1". */
export async function goldenBucketNames(): Promise<string[]> {
  const files = await readdir(goldenDirectory);
  return files.flatMap((file) => /^(bucket-v\d+)\.json$/.exec(file)?.[1] ?? []).sort();
}

export async function readGoldenBucket(name: string): Promise<{ bucket: GoldenBucketFile; rows: GoldenRow[] }> {
  const bucket = JSON.parse(await readFile(`${goldenDirectory}${name}.json`, 'utf8')) as GoldenBucketFile;
  if (bucket.schema !== goldenBucketSchema) throw new Error(`${name} is ${bucket.schema}, not ${goldenBucketSchema}`);
  const lines = (await readFile(`${goldenDirectory}${name}.rows.jsonl`, 'utf8')).trimEnd().split('\n');
  return { bucket, rows: lines.map((line) => JSON.parse(line) as GoldenRow) };
}

/** A store of its own with the objects of a golden bucket. */
export async function storeOf({ objects }: GoldenBucketFile, clock: Clock): Promise<MemoryStore> {
  const store = new MemoryStore({ clock });
  for (const [key, base64] of Object.entries(objects)) await store.put(key, [Buffer.from(base64, 'base64')]);
  return store;
}

/** Every manifest of a domain that the bucket holds, oldest first. */
export async function manifestsOf(store: ObjectStore, prefix: string): Promise<ManifestName[]> {
  const names: ManifestName[] = [];
  for await (const { key } of store.list({ prefix: `${prefix}manifest/` })) {
    const name = parseName(key.slice(key.lastIndexOf('/') + 1));
    if (name === undefined) throw new Error(`${key} is not the name of a manifest`);
    names.push(name);
  }
  return names;
}

/** What the bucket shows now, manifest by manifest: in the order and form of the rows that were kept. */
export async function shownRows(store: ObjectStore, cluster: string, clock: Clock): Promise<GoldenRow[]> {
  await using view = await openBucketView({ store, cluster, clock, logger: silentLogger });
  const found: GoldenRow[] = [];
  for (const domain of await view.domainNames()) {
    const states = new Map<string, GoldenRow & { manifests: number[] }>();
    for (const manifest of await manifestsOf(store, view.prefixOf(domain))) {
      const reads = await view.domain(domain, manifest);
      for (const { key, value } of (await reads?.scan({})) ?? []) {
        // As JSON keeps it: what is undefined is not there.
        const row = JSON.parse(JSON.stringify(describeRow(domain, key, value))) as RowView;
        const state = `${key} ${value.toString('hex')}`;
        const known = states.get(state);
        if (known === undefined) states.set(state, { domain, key, manifests: [manifest.number], row });
        else known.manifests.push(manifest.number);
      }
    }
    found.push(...[...states.values()].sort(byKeyAndManifest));
  }
  return found;
}

function byKeyAndManifest(a: GoldenRow, b: GoldenRow): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return (a.manifests[0] as number) - (b.manifests[0] as number);
}
