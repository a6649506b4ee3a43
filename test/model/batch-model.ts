// The data of the model: what producers send, what leaders stage, what lies in the bucket. A batch has no bytes; `payload` is
// its identity, the same for every time that a producer sends it.

import type { Incarnation, Stamp, Term } from '../../src/engine/base/ids.ts';
import type { ProducerTable } from './producer-table-model.ts';
import type { SalvageBatch } from './salvage-model.ts';

/** One batch as its producer sends it, the first time or again. */
export interface Send {
  readonly partition: number;
  readonly payload: number;
  readonly count: number;
  /** −1 for a producer that is not idempotent. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
}

/** One batch in a leader's staged order, and later in a footer, the log and the chain. */
export interface ModelBatch extends SalvageBatch {
  readonly send: Send;
  /** Set when the batch is sealed. */
  object: ModelObject | undefined;
}

export interface ModelObject {
  readonly id: number;
  readonly clusterEpoch: number;
  readonly batches: readonly ModelBatch[];
  /** Per partition the committed end that its leader knew when the object was sealed. */
  readonly committedEnds: ReadonlyMap<number, number>;
}

/** The state of a partition at one point of its history. */
export interface PartitionState {
  readonly nextOffset: number;
  readonly lastStamp: Stamp;
  readonly producers: ProducerTable;
}

export function stampOf(incarnation: number, term: number, attempt: number): Stamp {
  return { incarnation: incarnation as Incarnation, term: term as Term, attempt };
}
