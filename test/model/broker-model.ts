// A broker of the model: leaders of partitions, one open upload group, and what it last heard about the cluster's owner. A
// broker may be deposed in some partitions, or belong to an incarnation that is over, without knowing either.

import type { ModelObject } from './batch-model.ts';
import type { LeaderModel, Staged } from './leader-model.ts';

/** Steps for which a confirmation of ownership is good. */
export const leaseSteps = 60;

export interface Put {
  readonly object: ModelObject;
  readonly items: readonly Staged[];
}

export class BrokerModel {
  readonly incarnation: number;
  alive = true;
  cachedEpoch: number;
  confirmedAt: number;
  readonly leaders = new Map<number, LeaderModel>();
  /** Staged, not sealed yet. */
  buffer: Staged[] = [];
  puts: Put[] = [];
  /** Requests for OWNER under way: when they began, and what the store answered. */
  confirmations: { readonly startedAt: number; readonly owner: number }[] = [];

  constructor(incarnation: number, now: number, epoch: number) {
    this.incarnation = incarnation;
    this.confirmedAt = now;
    this.cachedEpoch = epoch;
  }

  ownsAt(now: number): boolean {
    return this.alive && now - this.confirmedAt < leaseSteps;
  }

  /** Seals what is staged for some partitions into one object. */
  seal(id: number, takes: (item: Staged) => boolean): Put | undefined {
    const items = this.buffer.filter(takes);
    if (items.length === 0) return undefined;
    this.buffer = this.buffer.filter((item) => !items.includes(item));
    const committedEnds = new Map<number, number>();
    for (const { leader } of items) committedEnds.set(leader.partition, leader.committed.nextOffset);
    const object: ModelObject = {
      id,
      clusterEpoch: this.cachedEpoch,
      batches: items.map((item) => item.batch),
      committedEnds,
    };
    for (const item of items) item.batch.object = object;
    const put = { object, items };
    this.puts.push(put);
    return put;
  }

  /** The broker's view of a PUT's end. */
  settlePut(put: Put, succeeded: boolean): void {
    this.puts = this.puts.filter((other) => other !== put);
    for (const item of put.items) {
      if (succeeded) item.uploaded = true;
      else item.leader.fail(item);
    }
  }

  stop(): void {
    this.alive = false;
    for (const leader of this.leaders.values()) leader.close();
    this.leaders.clear();
    this.buffer = [];
    this.confirmations = [];
  }
}
