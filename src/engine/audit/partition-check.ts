// The partitions of one metastore domain, one after the other, through the partition validator.

import { hasCode } from '../base/errors.ts';
import type { DomainReads } from '../domain/domain.ts';
import { formatL1Key } from '../l1/l1-key-format.ts';
import { type Anomaly, type PartitionCheckPosition, validatePartition } from '../metastore/metastore.ts';
import {
  parseMetastoreKey,
  partitionKeyPrefix,
  type TopicPartition,
  topicPartitionsPrefix,
} from '../metastore/metastore-key-format.ts';
import { anomalyFinding, type CheckFinding } from './check-finding.ts';
import type {
  CheckedDomain,
  CheckedStorage,
  CheckPosition,
  CheckStep,
  MetadataCheckOptions,
} from './metadata-check.ts';
import { pagedRows } from './paged-rows.ts';

const rowsMax = 2000;

export async function* checkPartitions(
  options: MetadataCheckOptions,
  { name, reads }: CheckedDomain,
  from: CheckPosition | undefined,
): AsyncGenerator<CheckStep> {
  const prefix = options.topicId === undefined ? partitionKeyPrefix : topicPartitionsPrefix(options.topicId);
  let within = from?.within;
  const bounds = { prefix, ...(from?.after === undefined ? {} : { after: from.after }) };
  let before = from?.after;
  for await (const { key } of pagedRows(reads, bounds)) {
    const place = partitionOf(key);
    if (place === undefined) {
      const detail = 'not the key of a partition';
      const finding = { severity: 'damage', name: 'row_undecodable', domain: name, key, detail } as const;
      yield { findings: [finding], counted: {}, position: { phase: 'partitions', domain: name, after: key } };
      continue;
    }
    for await (const { findings, position } of checkOne(options, name, reads, place, within)) {
      const isOver = position === undefined;
      yield {
        findings,
        counted: isOver ? { partitions: 1 } : {},
        position: {
          phase: 'partitions',
          domain: name,
          ...(isOver ? { after: key } : { ...(before === undefined ? {} : { after: before }), within: position }),
        },
      };
    }
    within = undefined;
    before = key;
  }
}

function partitionOf(key: string): TopicPartition | undefined {
  try {
    const parsed = parseMetastoreKey(key);
    return parsed.kind === 'partition' ? parsed : undefined;
  } catch (error) {
    if (hasCode(error, 'corrupt-object')) return undefined;
    throw error;
  }
}

interface PartitionStep {
  readonly findings: readonly CheckFinding[];
  readonly position: PartitionCheckPosition | undefined;
}

async function* checkOne(
  { live, storage }: MetadataCheckOptions,
  domain: string,
  reads: DomainReads,
  of: TopicPartition,
  from: PartitionCheckPosition | undefined,
): AsyncGenerator<PartitionStep> {
  const objectInStorage = storage === undefined ? undefined : storageOf(storage);
  const options = { rowsMax, ...(objectInStorage === undefined ? {} : { objectInStorage }) };
  let position = from;
  do {
    const check = await validatePartition(reads, of, { ...options, ...(position === undefined ? {} : { position }) });
    let { anomalies } = check;
    if (live && anomalies.length > 0) {
      // What was only half changed when it was read is right the next time.
      const again = await validatePartition(reads, of, { ...options, ...(position === undefined ? {} : { position }) });
      anomalies = anomalies.filter((one) => again.anomalies.some((other) => isSame(one, other)));
    }
    position = check.position;
    yield { findings: anomalies.map((anomaly) => anomalyFinding(domain, anomaly)), position };
  } while (position !== undefined);
}

const isSame = (a: Anomaly, b: Anomaly): boolean => a.name === b.name && a.key === b.key;

const storageOf =
  ({ store, clusterId }: CheckedStorage) =>
  async (id: string) =>
    store.head(formatL1Key(clusterId, id));
