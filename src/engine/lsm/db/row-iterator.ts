// Rows out of versions: what is live at one sequence, within bounds, in both directions.
//
// - walking up, the cursor stands on the version that is shown; walking down it stands before all versions of the row, because
//   the newest visible one is the last that is met, and the row's key and value are kept here
// - versions newer than the sequence, older than the shown one, and tombstones are passed over
// - as long as everything is in memory no move waits, and a move makes no object

import { EngineError } from '../../base/errors.ts';
import type { Cursor, Wait } from '../core/cursor.ts';
import { type Key, newestSequence, sameKey } from '../core/row.ts';
import type { LsmIterator } from './lsm-reads.ts';

export interface RowIteratorOptions {
  /** Over all versions of the keys in the bounds, and any others. */
  readonly cursor: Cursor;
  readonly sequence: number;
  readonly lower: Key | undefined;
  readonly upper: Key | undefined;
  /** Called once, when the iterator is released. */
  readonly onRelease: () => void;
}

export class RowIterator implements LsmIterator {
  readonly #cursor: Cursor;
  readonly #sequence: number;
  readonly #lower: Key | undefined;
  readonly #upper: Key | undefined;
  #onRelease: (() => void) | undefined;
  valid = false;
  key: Key = '';
  #forward = true;
  /** Walking up: versions of this key are passed over. No key is empty. */
  #passed: Key = '';
  /** Walking down: the value of the row shown; of the newest visible version met so far, while looking for it. */
  #value: Buffer | undefined;
  #met = false;

  constructor(options: RowIteratorOptions) {
    this.#cursor = options.cursor;
    this.#sequence = options.sequence;
    this.#lower = options.lower;
    this.#upper = options.upper;
    this.#onRelease = options.onRelease;
  }

  value(): Buffer {
    return this.#forward ? this.#cursor.value() : (this.#value as Buffer);
  }

  first(): Wait {
    return this.seek(this.#lower ?? '');
  }

  last(): Wait {
    this.#begin(false);
    const upper = this.#upper;
    return this.#down(upper === undefined ? this.#cursor.last() : this.#cursor.seekBefore(upper, newestSequence));
  }

  seek(key: Key): Wait {
    this.#begin(true);
    const lower = this.#lower;
    return this.#up(this.#cursor.seek(lower !== undefined && key < lower ? lower : key, this.#sequence));
  }

  seekReverse(key: Key): Wait {
    const upper = this.#upper;
    if (upper !== undefined && key >= upper) return this.last();
    this.#begin(false);
    // Just before where versions of the next key could begin: sequences are 1 and up.
    return this.#down(this.#cursor.seekBefore(key, 0));
  }

  next(): Wait {
    const { key } = this;
    const back = !this.#forward;
    this.#begin(true);
    this.#passed = key;
    return this.#up(back ? this.#cursor.seek(key, 0) : this.#cursor.next());
  }

  previous(): Wait {
    const { key } = this;
    const turned = this.#forward;
    this.#begin(false);
    if (turned) return this.#down(this.#cursor.seekBefore(key, newestSequence));
    return this.#down(undefined);
  }

  [Symbol.dispose](): void {
    this.valid = false;
    this.#value = undefined;
    const onRelease = this.#onRelease;
    this.#onRelease = undefined;
    onRelease?.();
  }

  #begin(forward: boolean): void {
    if (this.#onRelease === undefined) throw new EngineError('usage', 'this iterator was released');
    this.valid = false;
    this.#forward = forward;
    this.#passed = '';
    this.#met = false;
  }

  /** After a move of the cursor: goes up to the next row to show. */
  #up(moved: Wait): Wait {
    const wait = moved ?? this.#findUp();
    return wait === undefined ? undefined : this.#goOn(wait, () => this.#findUp());
  }

  #down(moved: Wait): Wait {
    const wait = moved ?? this.#findDown();
    return wait === undefined ? undefined : this.#goOn(wait, () => this.#findDown());
  }

  async #goOn(first: Promise<void>, find: () => Wait): Promise<void> {
    let wait: Wait = first;
    while (wait !== undefined) {
      await wait;
      // Released meanwhile: there is nothing to stand on any more.
      if (this.#onRelease === undefined) return;
      wait = find();
    }
  }

  /** Undefined when it stands, or is at the end; else what to wait for before it is called again. */
  #findUp(): Wait {
    const cursor = this.#cursor;
    while (cursor.valid) {
      const key = cursor.key;
      if (this.#upper !== undefined && key >= this.#upper) return undefined;
      if (cursor.sequence <= this.#sequence && !sameKey(key, this.#passed)) {
        if (!cursor.deleted) {
          this.key = key;
          this.valid = true;
          return undefined;
        }
        this.#passed = key;
      }
      const wait = cursor.next();
      if (wait !== undefined) return wait;
    }
    return undefined;
  }

  #findDown(): Wait {
    const cursor = this.#cursor;
    while (cursor.valid) {
      const key = cursor.key;
      if (this.#met && !sameKey(key, this.key)) {
        if (this.#value !== undefined) break;
        this.#met = false;
      }
      if (this.#lower !== undefined && key < this.#lower) break;
      if (cursor.sequence <= this.#sequence) {
        this.#met = true;
        this.key = key;
        this.#value = cursor.deleted ? undefined : cursor.value();
      }
      const wait = cursor.previous();
      if (wait !== undefined) return wait;
    }
    this.valid = this.#met && this.#value !== undefined;
    return undefined;
  }
}
