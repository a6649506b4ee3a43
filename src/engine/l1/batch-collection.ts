// What one read has gathered so far: parts of chunks, and the hold on their memory.

import type { HeldChunk } from './chunk-cache.ts';

/** Bytes stay valid until disposed. */
export interface L1Read extends Disposable {
  /** Whole batches as they lie. */
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  /** Nothing lies from `from` up to `until` (exclusive): the caller goes on at `until`. */
  readonly nothingThere: boolean;
}

export class BatchCollection {
  readonly #parts: Buffer[] = [];
  readonly #held: HeldChunk[] = [];
  bytes = 0;

  /** Takes over the hold. */
  add(chunk: HeldChunk, start: number, end: number): void {
    this.#parts.push(start === 0 && end === chunk.bytes.length ? chunk.bytes : chunk.bytes.subarray(start, end));
    this.#held.push(chunk);
    this.bytes += end - start;
  }

  letGo(): void {
    for (const chunk of this.#held.splice(0)) chunk.release();
  }

  /** `whenLetGo` is told when the memory is free again. */
  read(nothingThere: boolean, whenLetGo: () => void): L1Read {
    return {
      parts: this.#parts,
      bytes: this.bytes,
      nothingThere,
      [Symbol.dispose]: () => {
        this.letGo();
        whenLetGo();
      },
    };
  }
}
