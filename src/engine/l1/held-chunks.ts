// Chunks that a reader has asked for, taken one after the other; those that it does not come to are released, also when they come late.

import { abortable } from './abortable.ts';
import type { HeldChunk } from './chunk-cache.ts';

export class HeldChunks implements Disposable {
  readonly #wants: (HeldChunk | Promise<HeldChunk>)[];
  #next = 0;

  constructor(wants: (HeldChunk | Promise<HeldChunk>)[]) {
    this.#wants = wants;
    // Those that fail before they are looked at fail when they are, and not as failures that nobody handles.
    for (const want of wants) if (want instanceof Promise) want.catch(() => {});
  }

  /** The next one, which the caller releases; undefined behind the last. Rejects with `cancelled` when the signal comes first. */
  async next(signal?: AbortSignal): Promise<HeldChunk | undefined> {
    const want = this.#wants[this.#next];
    if (!(want instanceof Promise) || signal === undefined) {
      this.#next++;
      return await want;
    }
    const held = await abortable(want, signal);
    this.#next++;
    return held;
  }

  [Symbol.dispose](): void {
    for (const want of this.#wants.splice(this.#next)) {
      if (want instanceof Promise) want.then(release, () => {});
      else want.release();
    }
  }
}

const release = (chunk: HeldChunk): void => chunk.release();
