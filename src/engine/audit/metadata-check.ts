// Checks the metadata of a cluster: tables byte by byte, the rows of control and groups, every partition and object of the metastore,
// and on request the objects in the bucket. Changes nothing.
//
// It is a sequence of small steps. After each it gives a position, plain data from which a later run goes on; all runs of one check
// must look at the same manifests. A damaged table ends what needs its rows, which is reported, and nothing else.

import { EngineError, hasCode } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import type { Manifest, TableInfo, TableSource } from '../lsm/lsm.ts';
import { nameText } from '../lsm/lsm.ts';
import type { PartitionCheckPosition } from '../metastore/metastore.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type CheckFinding, type Severity, tableFindings } from './check-finding.ts';
import { checkFooters } from './l1-footer-check.ts';
import { checkObjectAccounts } from './object-account-check.ts';
import { checkPartitions } from './partition-check.ts';
import { checkRows } from './row-check.ts';
import { checkAwaited, checkStored } from './storage-check.ts';
import { checkTable } from './table-check.ts';

export interface CheckedDomain {
  readonly name: string;
  readonly reads: DomainReads;
  /** What its tables are checked against; undefined where only a live broker is asked. */
  readonly tables: { readonly manifest: Manifest; readonly source: (table: TableInfo) => TableSource } | undefined;
}

export interface MetadataCheckOptions {
  readonly domains: readonly CheckedDomain[];
  /** All metastore domains of the cluster, also where only some are checked: an object may be known by any. */
  readonly metastore: readonly DomainReads[];
  /** Only this topic's partitions, and nothing else. */
  readonly topicId: TopicId | undefined;
  readonly checkObjects: boolean;
  /** Asked for the L1 objects; undefined: the storage is not looked at. */
  readonly storage: CheckedStorage | undefined;
  /** What is found is looked at again: the rows may have changed in between. */
  readonly live: boolean;
  readonly nowMs: number;
}

export interface CheckedStorage {
  readonly store: ObjectStore;
  readonly clusterId: string;
  /** Objects that are younger may be unknown because their rows are not in the bucket yet. */
  readonly knownUpToMs: number;
}

export type CheckPhase = 'tables' | 'rows' | 'partitions' | 'objects' | 'awaited' | 'footers' | 'storage';

/** Where to go on. Goes through JSON. */
export interface CheckPosition {
  readonly phase: CheckPhase;
  /** Null for the storage, which is checked for all domains at once. */
  readonly domain: string | null;
  readonly after?: string;
  /** Inside the partition behind `after`. */
  readonly within?: PartitionCheckPosition;
}

/** How many of each were looked at. */
export type CheckCounts = Record<'tables' | 'rows' | 'partitions' | 'objects' | 'extents' | 'storedObjects', number>;

/** What was found so far, by how bad it is. */
export type FoundCounts = Record<Severity, number>;

/** What a step found, and where it ended. */
export interface CheckStep {
  readonly findings: readonly CheckFinding[];
  readonly counted: Partial<CheckCounts>;
  /** Behind what was checked. */
  readonly position: CheckPosition;
}

interface Stage {
  readonly phase: CheckPhase;
  readonly domain: CheckedDomain | undefined;
}

/** `from`: the position of the last step that was done. */
export async function* checkMetadata(options: MetadataCheckOptions, from?: CheckPosition): AsyncGenerator<CheckStep> {
  const stages = stagesOf(options);
  let start = 0;
  if (from !== undefined) {
    start = stages.findIndex(({ phase, domain }) => phase === from.phase && (domain?.name ?? null) === from.domain);
    if (start < 0) throw new EngineError('usage', 'the position is of a check with other flags');
  }
  for (const [at, stage] of stages.slice(start).entries()) {
    yield* guarded(stage, runStage(options, stage, at === 0 ? from : undefined));
  }
}

function stagesOf({ domains, topicId, checkObjects, storage }: MetadataCheckOptions): Stage[] {
  const stages: Stage[] = [];
  for (const domain of domains) {
    const isMetastore = domain.name.startsWith('metastore/');
    if (topicId === undefined && domain.tables !== undefined) stages.push({ phase: 'tables', domain });
    if (isMetastore) stages.push({ phase: 'partitions', domain });
    else if (topicId === undefined) stages.push({ phase: 'rows', domain });
    if (!isMetastore) continue;
    if (topicId === undefined && checkObjects) stages.push({ phase: 'objects', domain });
    if (storage === undefined) continue;
    if (topicId === undefined) stages.push({ phase: 'awaited', domain });
    stages.push({ phase: 'footers', domain });
  }
  if (topicId === undefined && storage !== undefined) stages.push({ phase: 'storage', domain: undefined });
  return stages;
}

function runStage(
  options: MetadataCheckOptions,
  { phase, domain }: Stage,
  from: CheckPosition | undefined,
): AsyncGenerator<CheckStep> {
  const { storage } = options;
  if (domain === undefined) return checkStored(options, from?.after);
  if (phase === 'footers' && storage !== undefined) return checkFooters({ ...options, storage }, domain, from?.after);
  switch (phase) {
    case 'tables':
      return checkDomainTables(domain, from?.after);
    case 'partitions':
      return checkPartitions(options, domain, from);
    case 'objects':
      return checkObjectAccounts(domain, from?.after);
    case 'awaited':
      return checkAwaited(options, domain, from?.after);
    default:
      return checkRows(domain, from?.after);
  }
}

/** Damage that ends a stage is a finding, and the next stage follows. */
async function* guarded({ phase, domain }: Stage, steps: AsyncGenerator<CheckStep>): AsyncGenerator<CheckStep> {
  let position: CheckPosition = { phase, domain: domain?.name ?? null };
  try {
    for await (const step of steps) {
      position = step.position;
      yield step;
    }
  } catch (error) {
    if (!hasCode(error, 'corrupt-object', 'object-not-found', 'unsupported-format')) throw error;
    const key = String(error.context['key'] ?? domain?.name ?? phase);
    const detail = `${error.message}; what follows of the ${phase} of this domain was not checked`;
    const finding = { severity: 'damage', name: 'rows_unreadable', domain: domain?.name ?? null, key, detail } as const;
    yield { findings: [finding], counted: {}, position };
  }
}

async function* checkDomainTables(
  { name, tables }: CheckedDomain,
  after: string | undefined,
): AsyncGenerator<CheckStep> {
  // By name, so that a position means the same whatever the levels are.
  const all = (tables?.manifest.levels.flat() ?? []).map((info) => ({ text: nameText(info.name), info }));
  all.sort((a, b) => (a.text < b.text ? -1 : 1));
  for (const { text, info } of all) {
    if (tables === undefined || (after !== undefined && text <= after)) continue;
    const { name: tableName, ...facts } = info;
    const check = await checkTable(tables.source(info), tableName, facts);
    const position = { phase: 'tables', domain: name, after: text } as const;
    yield { findings: tableFindings(name, check), counted: { tables: 1 }, position };
  }
}
