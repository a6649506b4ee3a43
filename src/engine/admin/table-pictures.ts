// Tables in the bucket, as plain values: `metastore sst list | dump | verify`.

import {
  checkTable,
  describeRow,
  type RowView,
  type ShownTableFinding,
  shownFinding,
  type TableCheck,
} from '../audit/audit.ts';
import {
  compareNames,
  inspectBlocks,
  inspectTable,
  nameText,
  type TableInfo,
  type TableName,
  textFromKey,
} from '../lsm/lsm.ts';
import type { BucketSource } from './bucket-source.ts';
import { type ShownTable, shownTables } from './manifest-pictures.ts';
import { chosenDomains, type PictureMoment } from './metadata-source.ts';
import { findNamed, type NamedObject } from './named-object.ts';

export interface ListedTables {
  readonly moments: readonly PictureMoment[];
  readonly unflushed: readonly string[];
  readonly tables: readonly (ShownTable & { readonly domain: string })[];
}

/** Of the newest manifests, or of the named one. */
export async function listTables(
  source: BucketSource,
  asked: readonly string[] | undefined,
  manifest: string | undefined,
): Promise<ListedTables> {
  const named = manifest === undefined ? undefined : await findNamed(source, asked, 'manifest', manifest);
  const moments: PictureMoment[] = [];
  const unflushed: string[] = [];
  const tables: ListedTables['tables'][number][] = [];
  for (const domain of named === undefined ? await chosenDomains(source, asked) : [named.domain]) {
    const view = await source.view.domain(domain, named?.name);
    if (view === undefined) {
      unflushed.push(domain);
      continue;
    }
    moments.push(source.momentOf(domain, view.manifest));
    tables.push(...shownTables(view.manifest).map((table) => ({ domain, ...table })));
  }
  return { moments, unflushed, tables };
}

export interface DumpedBlock {
  readonly at: number;
  readonly start: number;
  readonly length: number;
  readonly compression: string | null;
  readonly payloadBytes: number | null;
  /** At or behind the last entry, as the index says. */
  readonly boundary: { readonly key: string; readonly sequence: number };
  readonly entries: number;
  readonly trusted: boolean;
  readonly findings: readonly ShownTableFinding[];
}

export interface DumpedVersion {
  readonly block: number;
  readonly key: string;
  readonly sequence: number;
  /** Null for a tombstone. */
  readonly row: RowView | null;
  /** False: its block is damaged, and this may not be what was written. */
  readonly trusted: boolean;
}

export interface TableDump {
  readonly domain: string;
  readonly name: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly modified: string;
  /** As the table states of itself; null where that cannot be read. */
  readonly entries: number | null;
  readonly tombstones: number | null;
  readonly smallest: string | null;
  readonly largest: string | null;
  readonly oldest: number | null;
  readonly newest: number | null;
  readonly blocks: number | null;
  readonly findings: readonly ShownTableFinding[];
  /** One after the other, so that memory holds one block at a time. */
  readonly dumpBlocks: () => AsyncGenerator<DumpedBlock>;
  readonly dumpRows: () => AsyncGenerator<DumpedVersion>;
}

export async function dumpTable(
  source: BucketSource,
  asked: readonly string[] | undefined,
  text: string,
): Promise<TableDump> {
  const { domain, name, info } = await findNamed(source, asked, 'sst', text);
  const table = source.view.tableSource(domain, name, info.sizeBytes);
  const { facts, index, findings } = await inspectTable(table);
  return {
    domain,
    name: nameText(name),
    key: info.key,
    sizeBytes: info.sizeBytes,
    modified: new Date(info.modifiedMs).toISOString(),
    entries: facts?.entries ?? null,
    tombstones: facts?.tombstones ?? null,
    smallest: facts === undefined ? null : textFromKey(facts.smallest),
    largest: facts === undefined ? null : textFromKey(facts.largest),
    oldest: facts?.oldest ?? null,
    newest: facts?.newest ?? null,
    blocks: index?.count ?? null,
    findings: findings.map(shownFinding),
    dumpBlocks: async function* () {
      for await (const block of inspectBlocks(table)) {
        yield {
          at: block.at,
          start: block.range.start,
          length: block.range.length,
          compression: block.compression ?? null,
          payloadBytes: block.payloadBytes ?? null,
          boundary: { key: textFromKey(block.boundary.key), sequence: block.boundary.sequence },
          entries: block.versions.length,
          trusted: block.trusted,
          findings: block.findings.map(shownFinding),
        };
      }
    },
    dumpRows: async function* () {
      for await (const { at, versions, trusted } of inspectBlocks(table)) {
        for (const version of versions) {
          const key = textFromKey(version.key);
          const row = version.value === undefined ? null : describeRow(domain, key, version.value);
          yield { block: at, key, sequence: version.sequence, row, trusted };
        }
      }
    },
  };
}

export interface CheckedTable extends TableCheck {
  readonly domain: string;
  readonly level: number | null;
}

export interface TableChecks {
  readonly moments: readonly PictureMoment[];
  readonly unflushed: readonly string[];
  readonly count: number;
  /** One after the other. */
  readonly checks: AsyncIterable<CheckedTable>;
}

/** All tables of the newest manifests, or the named one, whether the newest manifest holds it or not. */
export async function checkTables(
  source: BucketSource,
  asked: readonly string[] | undefined,
  text: string | undefined,
): Promise<TableChecks> {
  const moments: PictureMoment[] = [];
  const unflushed: string[] = [];
  const wanted: WantedTable[] = [];
  const named = text === undefined ? undefined : await findNamed(source, asked, 'sst', text);
  for (const domain of named === undefined ? await chosenDomains(source, asked) : [named.domain]) {
    const view = await source.view.domain(domain);
    if (view === undefined) {
      unflushed.push(domain);
      continue;
    }
    moments.push(source.momentOf(domain, view.manifest));
    for (const [level, tables] of view.manifest.levels.entries()) {
      for (const { name, ...facts } of tables) wanted.push({ domain, level, name, sizeBytes: facts.sizeBytes, facts });
    }
  }
  const chosen = named === undefined ? wanted : [wantedByName(named, wanted)];
  const checks = async function* (): AsyncGenerator<CheckedTable> {
    for (const { domain, level, name, sizeBytes, facts } of chosen) {
      yield { domain, level, ...(await checkTable(source.view.tableSource(domain, name, sizeBytes), name, facts)) };
    }
  };
  return { moments, unflushed, count: chosen.length, checks: checks() };
}

interface WantedTable {
  readonly domain: string;
  readonly level: number | null;
  readonly name: TableName;
  readonly sizeBytes: number;
  readonly facts: Omit<TableInfo, 'name'> | undefined;
}

function wantedByName({ domain, name, info }: NamedObject, wanted: readonly WantedTable[]): WantedTable {
  const listed = wanted.find((one) => compareNames(one.name, name) === 0);
  return listed ?? { domain, level: null, name, sizeBytes: info.sizeBytes, facts: undefined };
}
