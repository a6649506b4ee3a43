// Lets the metastore's start offset follow the log start of partitions: soon after it moved, and at every check, so that what a crash or
// an error left behind is made up for.
//
// A log start can lie above what is reconciled; then the metastore follows up to its next offset, and again when that has moved.

import { hasCode, toEngineError } from '../base/errors.ts';
import { offset } from '../base/ids.ts';
import type { CompactorWork } from './compactor-work.ts';
import { type MaintainedPartition, placeOf } from './maintained-partition.ts';

export class LogStartFollower {
  readonly #work: CompactorWork;
  readonly #moved = new Map<string, Pick<MaintainedPartition, 'topicId' | 'index'>>();

  constructor(work: CompactorWork) {
    this.#work = work;
  }

  /** Remembers a partition until it has been followed. */
  note({ topicId, index }: Pick<MaintainedPartition, 'topicId' | 'index'>): void {
    this.#moved.set(`${topicId}/${index}`, { topicId, index });
  }

  /** Those that have moved. Whether some could not be followed: they stay noted. */
  async followMoved(signal: AbortSignal): Promise<boolean> {
    for (const [name, { topicId, index }] of [...this.#moved]) {
      if (signal.aborted) break;
      this.#moved.delete(name);
      const partition = this.#work.partition(topicId, index);
      if (partition !== undefined) await this.followSafely(partition, signal);
    }
    return this.#moved.size > 0;
  }

  /** One that fails is noted, and followed at a later turn. */
  async followSafely(partition: MaintainedPartition, signal: AbortSignal): Promise<void> {
    try {
      await this.#follow(partition, signal);
    } catch (error) {
      if (hasCode(error, 'unknown-topic-id', 'unknown-topic-or-partition')) return;
      this.note(partition);
      const { topicId, index } = partition;
      const { code, message } = toEngineError(error);
      this.#work.logger.warn(
        { topicId, partition: index, code, error: message },
        'the metastore could not follow a log start',
      );
    }
  }

  async #follow(partition: MaintainedPartition, signal: AbortSignal): Promise<void> {
    const { metastore, step } = this.#work;
    const of = placeOf(partition);
    const row = await metastore.partition(of);
    if (row === undefined) return;
    const startOffset = offset(Math.min(partition.logStartOffset, row.nextOffset));
    if (startOffset <= row.startOffset) return;
    while (!signal.aborted) {
      const { hasMore } = await metastore.setStartOffset({ ...of, startOffset });
      if (!hasMore) break;
    }
    await step('retention.followed');
  }
}
