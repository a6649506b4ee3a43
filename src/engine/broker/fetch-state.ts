// What fetches of different requests share: the sessions, the memory for answers, and whose turn it is.

import { ByteBudget } from '../base/byte-budget.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { BrokerConfig } from '../cluster/cluster.ts';
import { FetchSessionCache } from './fetch-session-cache.ts';

export class FetchState {
  readonly sessions: FetchSessionCache;
  readonly budget: ByteBudget;
  #turn = 0;

  constructor(config: BrokerConfig, clock: Clock, random: Random) {
    this.sessions = new FetchSessionCache({
      slotsMax: config.number('max.incremental.fetch.session.cache.slots'),
      evictionMs: config.number('min.incremental.fetch.session.eviction.ms'),
      clock,
      random,
    });
    this.budget = new ByteBudget(config.number('cloudtopics.memory.fetch.bytes'));
  }

  /** Counts up; where requests cannot be answered in full, each begins with another partition. */
  nextTurn(): number {
    this.#turn = (this.#turn + 1) % 0x1_0000_0000;
    return this.#turn;
  }
}
