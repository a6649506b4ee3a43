// The bookkeeping every multipart upload shares: numbers in the order of the calls, lengths that stay the same when a part is
// sent again, where each part begins, and what must hold before the object is completed. It knows nothing of the store.

import { EngineError } from '../base/errors.ts';
import type { PartPlace } from './object-store.ts';

/** As on S3: every part but the last has at least this many bytes. */
export const partBytesMinDefault = 5 * 1024 * 1024;
export const partsMax = 10_000;

interface Part {
  readonly start: number;
  readonly length: number;
  stored: boolean;
}

export class MultipartLedger {
  readonly #key: string;
  readonly #partBytesMin: number;
  /** With holes where a later part came first. */
  readonly #parts: (Part | undefined)[] = [];
  #closed = false;
  #completed = false;

  constructor(key: string, partBytesMin: number) {
    this.#key = key;
    this.#partBytesMin = partBytesMin;
  }

  get sizeBytes(): number {
    const last = this.#parts.at(-1);
    return last === undefined ? 0 : last.start + last.length;
  }

  get completed(): boolean {
    return this.#completed;
  }

  /** The object is there: no more calls after this. */
  complete(): void {
    this.#completed = true;
    this.#closed = true;
  }

  /** Called before anything asynchronous happens: claims the number, and with it the place in the object. */
  claim(length: number, place: PartPlace = { number: this.#parts.length + 1, start: this.sizeBytes }): PartPlace {
    this.#mustBeOpen();
    const { number, start } = place;
    if (number > partsMax) throw this.#refusal(`has more than ${partsMax} parts`);
    const known = this.#parts[number - 1];
    if (known !== undefined && (known.length !== length || known.start !== start)) {
      throw this.#refusal(
        `got ${length} bytes at ${start} for part ${number}, before that ${known.length} at ${known.start}`,
      );
    }
    this.#parts[number - 1] = { start, length, stored: false };
    return place;
  }

  stored(number: number): void {
    (this.#parts[number - 1] as Part).stored = true;
  }

  /** Throws unless the object can be completed now. */
  checkComplete(): void {
    this.#mustBeOpen();
    if (this.#parts.length === 0) throw this.#refusal('has no parts');
    let start = 0;
    for (const [index, part] of this.#parts.entries()) {
      if (part?.stored !== true || part.start !== start) throw this.#refusal(`lacks part ${index + 1}`);
      if (part.length < this.#partBytesMin && index < this.#parts.length - 1) {
        throw this.#refusal(
          `has ${part.length} bytes in part ${index + 1}; all but the last need ${this.#partBytesMin}`,
        );
      }
      start += part.length;
    }
  }

  /** No more calls after this; true the first time. */
  close(): boolean {
    const first = !this.#closed;
    this.#closed = true;
    return first;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw this.#refusal('is completed or aborted already');
  }

  #refusal(problem: string): EngineError {
    return new EngineError('usage', `the multipart upload of ${this.#key} ${problem}`, { context: { key: this.#key } });
  }
}
