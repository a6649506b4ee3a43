// Complaints about peers, each kind once a minute for a peer at most: a client in a loop must not fill the log.

import type { Clock } from '../base/clock.ts';
import type { LogFields, Logger } from '../base/logger.ts';

const quietMs = 60_000;
const rememberedMax = 10_000;

export class ComplaintLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #lastMs = new Map<string, number>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  warn(peer: string, kind: string, fields: LogFields, message: string): void {
    const key = `${peer} ${kind}`;
    const nowMs = this.#clock.monotonicMs();
    const lastMs = this.#lastMs.get(key);
    if (lastMs !== undefined && nowMs - lastMs < quietMs) return;
    this.#lastMs.delete(key);
    if (this.#lastMs.size >= rememberedMax) this.#lastMs.delete(this.#lastMs.keys().next().value as string);
    this.#lastMs.set(key, nowMs);
    this.#logger.warn({ peer, ...fields }, message);
  }
}
