// When writes have to wait: while a full memtable stands behind one that is being written out, and while level 0 holds as many tables
// as it may. Before it does, they are spread out, a little more with every table, so that merging can catch up.

import type { Clock } from '../../base/clock.ts';
import type { EngineError } from '../../base/errors.ts';
import type { LsmRules } from '../core/lsm-rules.ts';
import type { StoreLife } from './store-life.ts';

const delayMsMin = 1;
const delayMsMax = 100;

/** Milliseconds between two entries with so many tables in level 0: 0 none, infinite while writes stop. Grows by a factor a table. */
export function entryDelayMs(level0: number, rules: LsmRules): number {
  if (level0 >= rules.level0Stop) return Number.POSITIVE_INFINITY;
  if (level0 < rules.level0Slowdown) return 0;
  const steps = rules.level0Stop - 1 - rules.level0Slowdown;
  const share = steps === 0 ? 1 : (level0 - rules.level0Slowdown) / steps;
  return Math.round(delayMsMin * (delayMsMax / delayMsMin) ** share);
}

export interface WriteRoomOptions {
  readonly clock: Clock;
  readonly rules: LsmRules;
  readonly life: StoreLife;
  /** As it is now. */
  readonly fill: () => WriteFill;
}

export interface WriteFill {
  /** The memtable is full and the one before it is not written out yet. */
  readonly memtablesFull: boolean;
  readonly level0: number;
  /** Why level 0 will not shrink by itself. */
  readonly stuck: EngineError | undefined;
}

export class WriteRoom {
  readonly #options: WriteRoomOptions;
  /** Monotonic; 0 where no distance has to be kept. */
  #nextEntryMs = 0;
  #waiting: PromiseWithResolvers<void> | undefined;
  #slowed = 0;
  #stopped = 0;

  constructor(options: WriteRoomOptions) {
    this.#options = options;
    options.life.ending.addEventListener('abort', () => this.#refuse(options.life.over as EngineError), { once: true });
  }

  get counters(): { readonly writesSlowed: number; readonly writesStopped: number } {
    return { writesSlowed: this.#slowed, writesStopped: this.#stopped };
  }

  /** As LsmStore.room. */
  room(): Promise<void> | undefined {
    const { clock, life } = this.#options;
    if (life.over !== undefined) return refused(life.over);
    const fill = this.#options.fill();
    if (this.#mustStop(fill)) {
      if (fill.stuck !== undefined && !fill.memtablesFull) return refused(fill.stuck);
      if (this.#waiting === undefined) {
        this.#waiting = Promise.withResolvers<void>();
        this.#waiting.promise.catch(() => undefined);
        this.#stopped += 1;
      }
      return this.#waiting.promise;
    }
    if (this.#nextEntryMs === 0) return undefined;
    const delayMs = this.#nextEntryMs - clock.monotonicMs();
    if (delayMs <= 0) {
      this.#nextEntryMs = 0;
      return undefined;
    }
    this.#slowed += 1;
    return new Promise((resolve) => void clock.after(delayMs, resolve, true));
  }

  /** An entry was applied: the next one may have to keep its distance. */
  applied(): void {
    const { clock, rules, fill } = this.#options;
    const { level0 } = fill();
    if (level0 < rules.level0Slowdown) return;
    const delayMs = entryDelayMs(level0, rules);
    if (Number.isFinite(delayMs)) this.#nextEntryMs = clock.monotonicMs() + delayMs;
  }

  /** Memtables or levels have changed. */
  changed(): void {
    if (this.#waiting === undefined) return;
    const fill = this.#options.fill();
    if (!this.#mustStop(fill)) {
      this.#waiting.resolve();
      this.#waiting = undefined;
    } else if (fill.stuck !== undefined && !fill.memtablesFull) {
      this.#refuse(fill.stuck);
    }
  }

  #mustStop({ memtablesFull, level0 }: WriteFill): boolean {
    return memtablesFull || level0 >= this.#options.rules.level0Stop;
  }

  #refuse(error: EngineError): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

/** Also for those who only look whether there is room: a promise that nobody awaits must not end the process. */
function refused(error: EngineError): Promise<void> {
  const refusal = Promise.reject(error);
  refusal.catch(() => undefined);
  return refusal;
}
