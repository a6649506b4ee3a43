// Idempotent producers as a partition sees them: per producer its epoch and its last five batches. Tables are never changed,
// so that a leader can fall back to an older one.
//
// Stricter than Kafka in one thing, and a switch like the others: a producer that is not in the table must begin at sequence 0.
// Kafka takes any sequence there, because it may have forgotten the producer; but a Kafka log does not fail a batch after it
// has taken it. Here a producer's first batch can fail after it was staged, while its next one is still on its way.

import type { Send } from './batch-model.ts';
import type { Rules } from './rules.ts';

interface KnownBatch {
  readonly sequence: number;
  readonly count: number;
  readonly baseOffset: number;
}

interface KnownProducer {
  readonly epoch: number;
  readonly nextSequence: number;
  readonly recent: readonly KnownBatch[];
}

export type ProducerTable = ReadonlyMap<number, KnownProducer>;

export const noProducers: ProducerTable = new Map();

const recentMax = 5;

/** Next: may be staged. A number: duplicate of the batch with this base offset. Refused: any of Kafka's errors. */
export function judgeSequence(table: ProducerTable, send: Send, rules: Rules): 'next' | 'refused' | number {
  if (send.producerId < 0) return 'next';
  const known = table.get(send.producerId);
  if (known === undefined && !rules.unknownProducerBeginsAtZero) return 'next';
  if (known === undefined || send.producerEpoch > known.epoch) return send.sequence === 0 ? 'next' : 'refused';
  if (send.producerEpoch < known.epoch) return 'refused';
  if (send.sequence === known.nextSequence) return 'next';
  const same = known.recent.find((batch) => batch.sequence === send.sequence && batch.count === send.count);
  return same === undefined ? 'refused' : same.baseOffset;
}

export function withBatch(table: ProducerTable, send: Send, baseOffset: number): ProducerTable {
  if (send.producerId < 0) return table;
  const known = table.get(send.producerId);
  const before = known?.epoch === send.producerEpoch ? known.recent : [];
  const recent = [...before.slice(-(recentMax - 1)), { sequence: send.sequence, count: send.count, baseOffset }];
  const entry = { epoch: send.producerEpoch, nextSequence: send.sequence + send.count, recent };
  return new Map(table).set(send.producerId, entry);
}
