// The figures of domains: `metastore stats`. From the bucket they are those of a manifest; a live broker knows also what is in its
// memory, its caches, and what it would lose with its disk.

import type { Clock } from '../base/clock.ts';
import { judgeObjects, nameText, type TableInfo } from '../lsm/lsm.ts';
import type { BucketSource } from './bucket-source.ts';
import type { LiveDomains } from './live-domains.ts';
import type { LiveCluster, LiveDomainStatus, LiveLog } from './live-status-format.ts';
import { chosenDomains, type PictureMoment } from './metadata-source.ts';

export interface LevelFigures {
  readonly level: number;
  readonly tables: number;
  readonly bytes: number;
  readonly entries: number;
  /** Null where the view does not show it. */
  readonly tombstones: number | null;
}

/** Null: this view does not show it, or there is none yet. */
export interface DomainFigures {
  readonly domain: string;
  readonly manifest: {
    readonly name: string;
    readonly created: string;
    readonly ageMs: number;
    /** Of the object. */
    readonly sizeBytes: number | null;
  } | null;
  /** The last log entry that is in the tables, and the last one that is applied. */
  readonly coveredIndex: number | null;
  readonly appliedIndex: number | null;
  readonly levels: readonly LevelFigures[];
  readonly tables: number;
  readonly bytes: number;
  readonly entries: number;
  /** The bucket alone gives back everything up to here. */
  readonly recoveryPoint: string | null;
  readonly memtable: { readonly rows: number; readonly bytes: number } | null;
  readonly immutable: { readonly rows: number; readonly bytes: number } | null;
  readonly flushEveryMs: number | null;
  readonly flushed: string | null;
  readonly dirtySince: string | null;
  readonly lastFlushMs: number | null;
  readonly term: number | null;
  readonly log: LiveLog | null;
  readonly snapshots: number | null;
  readonly reopenings: number | null;
  readonly counters: Readonly<Record<string, number>> | null;
  /** What the collector may take, and what it may not judge yet. */
  readonly obsolete: { readonly tables: number; readonly manifests: number; readonly bytes: number } | null;
}

/** How long a reader may go on with an older manifest: what it holds is not obsolete before. */
const readersDelayMs = 60 * 60 * 1000;

export async function bucketFigures(
  source: BucketSource,
  asked: readonly string[] | undefined,
  clock: Clock,
): Promise<{ readonly figures: DomainFigures[]; readonly moments: PictureMoment[] }> {
  const figures: DomainFigures[] = [];
  const moments: PictureMoment[] = [];
  for (const name of await chosenDomains(source, asked, 'all')) {
    const view = await source.view.domain(name);
    if (view === undefined) {
      figures.push(neverFlushed(name));
      continue;
    }
    const { manifest, ref } = view;
    const moment = source.momentOf(name, manifest);
    moments.push(moment);
    const levels = manifest.levels.map(levelFigures);
    figures.push({
      ...neverFlushed(name),
      ...totals(levels),
      manifest: {
        name: nameText(manifest.name),
        created: moment.time,
        ageMs: moment.ageMs,
        sizeBytes: ref.sizeBytes,
      },
      coveredIndex: manifest.coveredIndex,
      recoveryPoint: moment.time,
      obsolete: await obsoleteFigures(source, name, clock),
    });
  }
  return { figures, moments };
}

async function obsoleteFigures(source: BucketSource, name: string, clock: Clock): Promise<DomainFigures['obsolete']> {
  const { store } = source.view;
  const view = await source.view.domain(name);
  if (view === undefined) return null;
  const { manifest, prefix } = view;
  const judged = await judgeObjects(store, prefix, {
    recorded: manifest,
    nowMs: clock.nowMs(),
    delayMs: readersDelayMs,
  });
  const tables = judged.tables.filter(({ verdict }) => verdict === 'obsolete');
  const manifests = judged.manifests.filter(({ verdict }) => verdict === 'obsolete');
  const bytes = [...tables, ...manifests].reduce((sum, { info }) => sum + info.sizeBytes, 0);
  return { tables: tables.length, manifests: manifests.length, bytes };
}

function levelFigures(tables: readonly TableInfo[], level: number): LevelFigures {
  const sum = (of: (table: TableInfo) => number): number => tables.reduce((total, table) => total + of(table), 0);
  return {
    level,
    tables: tables.length,
    bytes: sum(({ sizeBytes }) => sizeBytes),
    entries: sum(({ entries }) => entries),
    tombstones: sum(({ tombstones }) => tombstones),
  };
}

const neverFlushed = (domain: string): DomainFigures => ({
  domain,
  manifest: null,
  coveredIndex: null,
  appliedIndex: null,
  levels: [],
  tables: 0,
  bytes: 0,
  entries: 0,
  recoveryPoint: null,
  memtable: null,
  immutable: null,
  flushEveryMs: null,
  flushed: null,
  dirtySince: null,
  lastFlushMs: null,
  term: null,
  log: null,
  snapshots: null,
  reopenings: null,
  counters: null,
  obsolete: null,
});

export async function liveFigures(
  live: LiveDomains,
  asked: readonly string[] = [],
): Promise<{ readonly figures: DomainFigures[]; readonly cluster: LiveCluster }> {
  const cluster = await live.cluster();
  const names = cluster.domains.map(({ name }) => name);
  const chosen = await chosenDomains({ domainNames: async () => names }, asked, 'all');
  const figures = cluster.domains.filter(({ name }) => chosen.includes(name)).map((one) => figuresOf(one, cluster.at));
  return { figures, cluster };
}

function figuresOf(status: LiveDomainStatus, at: string): DomainFigures {
  const { name, manifest, dirtySince } = status;
  const levels = status.levels.map((level, number) => ({ level: number, ...level, tombstones: null }));
  return {
    ...neverFlushed(name),
    ...totals(levels),
    manifest:
      manifest === null
        ? null
        : {
            name: manifest.name,
            created: manifest.created,
            ageMs: Math.max(0, Date.parse(at) - Date.parse(manifest.created)),
            sizeBytes: null,
          },
    coveredIndex: status.coveredIndex,
    appliedIndex: status.appliedIndex,
    recoveryPoint: dirtySince ?? at,
    memtable: status.memtable,
    immutable: status.immutable,
    flushEveryMs: status.flushEveryMs,
    flushed: status.flushed,
    dirtySince,
    lastFlushMs: status.lastFlushMs,
    term: status.term,
    log: status.log,
    snapshots: status.snapshots,
    reopenings: status.reopenings,
    counters: status.counters,
  };
}

const totals = (levels: readonly LevelFigures[]) => ({
  levels,
  tables: levels.reduce((sum, { tables }) => sum + tables, 0),
  bytes: levels.reduce((sum, { bytes }) => sum + bytes, 0),
  entries: levels.reduce((sum, { entries }) => sum + entries, 0),
});
