// Long work lets others run: it looks at the clock now and then, and once it has gone on for a few milliseconds it steps aside until a
// later turn of the event loop.

import type { Clock } from '../../base/clock.ts';
import type { Wait } from '../core/cursor.ts';

const sliceMs = 3;
/** Looking at the clock costs as much as a small row. */
const rowsPerLook = 16;
const bytesPerLook = 16 * 1024;

export class WorkSlices {
  readonly #clock: Clock;
  readonly #pause: () => Promise<void>;
  #sliceEndMs: number;
  #rows = 0;
  #bytes = 0;

  constructor(clock: Clock, pause: () => Promise<void>) {
    this.#clock = clock;
    this.#pause = pause;
    this.#sliceEndMs = clock.monotonicMs() + sliceMs;
  }

  /** After each row: a promise when others have to run first. */
  worked(bytes: number): Wait {
    this.#rows += 1;
    this.#bytes += bytes;
    if (this.#rows < rowsPerLook && this.#bytes < bytesPerLook) return undefined;
    this.#rows = 0;
    this.#bytes = 0;
    return this.#clock.monotonicMs() < this.#sliceEndMs ? undefined : this.stepAside();
  }

  async stepAside(): Promise<void> {
    await this.#pause();
    this.#sliceEndMs = this.#clock.monotonicMs() + sliceMs;
  }
}
