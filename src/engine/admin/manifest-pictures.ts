// Manifests in the bucket, as plain values: `metastore manifest list | show | diff`. One that cannot be read is listed with the
// reason.

import { toEngineError } from '../base/errors.ts';
import {
  diffManifests,
  listManifests,
  type Manifest,
  type ManifestName,
  type ManifestObject,
  nameText,
  readManifest,
  type TableInfo,
  textFromKey,
} from '../lsm/lsm.ts';
import type { BucketSource } from './bucket-source.ts';
import { chosenDomains } from './metadata-source.ts';
import { findNamed } from './named-object.ts';

/** How a manifest counts: the newest is what is shown and restored; ignored ones are of an incarnation above OWNER's. */
export type ManifestStanding = 'newest' | 'older' | 'ignored';

export interface ListedManifest {
  readonly domain: string;
  readonly name: string;
  readonly key: string;
  readonly standing: ManifestStanding;
  readonly sizeBytes: number;
  /** By the store's clock; RFC 3339. */
  readonly modified: string;
  /** The four below are null where it cannot be read; then `problem` says why. */
  readonly created: string | null;
  readonly coveredIndex: number | null;
  readonly tables: number | null;
  readonly tableBytes: number | null;
  readonly problem: string | null;
}

export interface ManifestList {
  readonly manifests: readonly ListedManifest[];
  /** How many the domains have; more than are listed where there is a limit. */
  readonly counts: readonly { readonly domain: string; readonly manifests: number }[];
  /** Keys where manifests belong that are none. */
  readonly foreign: readonly string[];
}

/** Newest first, at most `limit` of each domain. */
export async function listManifestsOf(
  source: BucketSource,
  asked: readonly string[] | undefined,
  limit: number,
): Promise<ManifestList> {
  const manifests: ListedManifest[] = [];
  const counts: ManifestList['counts'][number][] = [];
  const foreign: string[] = [];
  for (const domain of await chosenDomains(source, asked, 'all')) {
    const listing = await listManifests(source.view.store, source.view.prefixOf(domain));
    const newest = listing.manifests.findLast(({ name }) => !isIgnored(source, name));
    counts.push({ domain, manifests: listing.manifests.length });
    foreign.push(...listing.foreign);
    for (const object of listing.manifests.toReversed().slice(0, limit)) {
      const standing = isIgnored(source, object.name) ? 'ignored' : object === newest ? 'newest' : 'older';
      manifests.push(await listed(source, domain, object, standing));
    }
  }
  return { manifests, counts, foreign };
}

const isIgnored = (source: BucketSource, name: ManifestName): boolean =>
  name.incarnation > source.view.cluster.incarnation;

async function listed(
  source: BucketSource,
  domain: string,
  { name, info }: ManifestObject,
  standing: ManifestStanding,
): Promise<ListedManifest> {
  const facts = {
    domain,
    name: nameText(name),
    key: info.key,
    standing,
    sizeBytes: info.sizeBytes,
    modified: new Date(info.modifiedMs).toISOString(),
  };
  try {
    const { manifest } = await readManifest(source.view.store, source.view.prefixOf(domain), name);
    const tables = manifest.levels.flat();
    return {
      ...facts,
      created: new Date(manifest.createdMs).toISOString(),
      coveredIndex: manifest.coveredIndex,
      tables: tables.length,
      tableBytes: tables.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      problem: null,
    };
  } catch (error) {
    const { kind, message } = toEngineError(error);
    if (kind !== 'corruption' && kind !== 'unsupported' && kind !== 'not-found') throw error;
    return { ...facts, created: null, coveredIndex: null, tables: null, tableBytes: null, problem: message };
  }
}

export interface ShownTable {
  readonly name: string;
  readonly level: number;
  readonly sizeBytes: number;
  readonly smallest: string;
  readonly largest: string;
  readonly entries: number;
  readonly tombstones: number;
  readonly oldest: number;
  readonly newest: number;
}

export interface ShownManifest {
  readonly domain: string;
  readonly name: string;
  readonly prefix: string;
  readonly created: string;
  readonly ageMs: number;
  readonly sizeBytes: number;
  readonly crc32c: string;
  readonly coveredIndex: number;
  readonly nextTableNumber: number;
  readonly settledTableNumber: number;
  readonly tables: readonly ShownTable[];
}

/** The named one, or the newest of each domain that has one. */
export async function showManifests(
  source: BucketSource,
  asked: readonly string[] | undefined,
  named: string | undefined,
): Promise<{ readonly manifests: readonly ShownManifest[]; readonly unflushed: readonly string[] }> {
  if (named !== undefined) {
    const { domain, name } = await findNamed(source, asked, 'manifest', named);
    return { manifests: [await shown(source, domain, name)], unflushed: [] };
  }
  const manifests: ShownManifest[] = [];
  const unflushed: string[] = [];
  for (const domain of await chosenDomains(source, asked)) {
    const view = await source.view.domain(domain);
    if (view === undefined) unflushed.push(domain);
    else manifests.push(await shown(source, domain, view.manifest.name));
  }
  return { manifests, unflushed };
}

async function shown(source: BucketSource, domain: string, name: ManifestName): Promise<ShownManifest> {
  const { manifest, ref } = await readManifest(source.view.store, source.view.prefixOf(domain), name);
  const { time, ageMs } = source.momentOf(domain, manifest);
  return {
    domain,
    name: nameText(name),
    prefix: manifest.prefix,
    created: time,
    ageMs,
    sizeBytes: ref.sizeBytes,
    crc32c: ref.crc.toString(16).padStart(8, '0'),
    coveredIndex: manifest.coveredIndex,
    nextTableNumber: manifest.nextTableNumber,
    settledTableNumber: manifest.settledTableNumber,
    tables: shownTables(manifest),
  };
}

export function shownTables({ levels }: Manifest): ShownTable[] {
  return levels.flatMap((tables, level) => tables.map((table) => shownTable(table, level)));
}

export function shownTable({ name, smallest, largest, ...facts }: TableInfo, level: number): ShownTable {
  return { name: nameText(name), level, smallest: textFromKey(smallest), largest: textFromKey(largest), ...facts };
}

export interface ShownManifestDiff {
  readonly domain: string;
  readonly before: ManifestFacts;
  readonly after: ManifestFacts;
  readonly added: readonly ShownTable[];
  readonly removed: readonly ShownTable[];
  readonly moved: readonly (ShownTable & { readonly fromLevel: number })[];
}

interface ManifestFacts {
  readonly name: string;
  readonly created: string;
  readonly coveredIndex: number;
}

/** Both must be of one domain. */
export async function diffManifestsOf(
  source: BucketSource,
  asked: readonly string[] | undefined,
  [first, second]: readonly [string, string],
): Promise<ShownManifestDiff> {
  const { domain, name } = await findNamed(source, asked, 'manifest', first);
  const other = await findNamed(source, [domain], 'manifest', second);
  const prefix = source.view.prefixOf(domain);
  const before = (await readManifest(source.view.store, prefix, name)).manifest;
  const after = (await readManifest(source.view.store, prefix, other.name)).manifest;
  const { added, removed, moved } = diffManifests(before, after);
  return {
    domain,
    before: factsOf(before),
    after: factsOf(after),
    added: added.map(({ table, level }) => shownTable(table, level)),
    removed: removed.map(({ table, level }) => shownTable(table, level)),
    moved: moved.map(({ table, fromLevel, toLevel }) => ({ ...shownTable(table, toLevel), fromLevel })),
  };
}

const factsOf = ({ name, createdMs, coveredIndex }: Manifest): ManifestFacts => ({
  name: nameText(name),
  created: new Date(createdMs).toISOString(),
  coveredIndex,
});
