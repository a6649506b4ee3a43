// What a partition's leader is made of: what all partitions share, and what opening read from its log.

import type { Clock } from '../base/clock.ts';
import type { EngineError } from '../base/errors.ts';
import type { Incarnation, Term } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { L0Reader, L0Writer } from '../l0/l0.ts';
import type { BatchRules } from '../records/records.ts';
import type { ReplicatedLog } from '../replicated-log/replicated-log.ts';
import type { CommittedState } from './committed-state.ts';
import type { Committer } from './committer.ts';
import type { ExtentIndex } from './extent-index.ts';
import type { History } from './history.ts';
import type { PartitionName } from './partition.ts';
import type { PendingAge } from './pending-age.ts';
import type { AwaitedProducers, ProducerTable } from './producer-table.ts';
import type { StagedBatch } from './staged-batch.ts';

/** What partitions share. */
export interface PartitionServices {
  readonly log: ReplicatedLog;
  readonly committer: Committer;
  readonly writer: L0Writer;
  readonly reader: L0Reader;
  readonly history: History;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly incarnation: Incarnation;
  /** Resolves while this process owns the bucket; rejects when it does not, or that cannot be found out. */
  readonly confirmOwnership: () => Promise<void>;
  /** The log start of a partition has moved, durably. */
  readonly onLogStartMoved?: (partition: PartitionName) => void;
}

/** What opening read from the log. */
export interface OpenedPartition extends PartitionName {
  readonly group: string;
  readonly term: Term;
  readonly logFirst: number;
  readonly logEnd: number;
  readonly snapshotIndex: number;
  readonly state: CommittedState;
  readonly extents: ExtentIndex;
  readonly producers: ProducerTable<StagedBatch>;
  readonly age: PendingAge;
  /** The topic's rules as they are now. */
  readonly rules: () => BatchRules;
  /** The term is over: the partition must be opened again (or, when fenced, left to its new leader). */
  readonly onTermOver: (error: EngineError, awaited: AwaitedProducers) => void;
}
