// Many cursors as one, in the order of versions: key ascending, sequence descending.
//
// - the children are few (memtables, tables of level 0, one per level below), so they are kept in an array sorted by where they
//   stand; a move takes the first one on and puts it back in its place, mostly with a single comparison
// - all children that have to be placed are placed at the same time, so that a cold start waits for the slowest, not for the sum
// - two children with the same version are a bug of whoever made them; the earlier child comes first then

import type { Cursor, Wait } from '../core/cursor.ts';
import { type Key, sameKey } from '../core/row.ts';

export class MergingCursor implements Cursor {
  readonly #children: readonly Cursor[];
  /** Where each child stands, so that comparing calls nobody. */
  readonly #keys: Key[];
  readonly #sequences: number[];
  /** Children that stand somewhere, in the order of the direction; the first `#live` of it. */
  readonly #order: number[];
  #live = 0;
  #forward = true;

  constructor(children: readonly Cursor[]) {
    this.#children = children;
    this.#keys = children.map(() => '');
    this.#sequences = children.map(() => 0);
    this.#order = children.map((_, at) => at);
  }

  get valid(): boolean {
    return this.#live > 0;
  }

  get key(): Key {
    return this.#keys[this.#order[0] as number] as Key;
  }

  get sequence(): number {
    return this.#sequences[this.#order[0] as number] as number;
  }

  get deleted(): boolean {
    return this.#current().deleted;
  }

  value(): Buffer {
    return this.#current().value();
  }

  first(): Wait {
    return this.#place(true, (child) => child.first());
  }

  last(): Wait {
    return this.#place(false, (child) => child.last());
  }

  seek(key: Key, sequence: number): Wait {
    return this.#place(true, (child) => child.seek(key, sequence));
  }

  seekBefore(key: Key, sequence: number): Wait {
    return this.#place(false, (child) => child.seekBefore(key, sequence));
  }

  next(): Wait {
    if (!this.#forward) return this.#turn(true);
    const child = this.#current();
    const wait = child.next();
    if (wait === undefined) {
      this.#reorder(child);
      return undefined;
    }
    return this.#reorderLater(wait, child);
  }

  previous(): Wait {
    if (this.#forward) return this.#turn(false);
    const child = this.#current();
    const wait = child.previous();
    if (wait === undefined) {
      this.#reorder(child);
      return undefined;
    }
    return this.#reorderLater(wait, child);
  }

  #current(): Cursor {
    return this.#children[this.#order[0] as number] as Cursor;
  }

  /** All but the current child stand on the other side of it: they are placed anew, and the current one takes a step. */
  #turn(forward: boolean): Wait {
    const current = this.#current();
    const { key, sequence } = this;
    if (!forward) {
      return this.#place(false, (child) => (child === current ? child.previous() : child.seekBefore(key, sequence)));
    }
    return this.#place(true, (child) => (child === current ? child.next() : child.seek(key, sequence)));
  }

  #place(forward: boolean, move: (child: Cursor) => Wait): Wait {
    this.#live = 0;
    this.#forward = forward;
    let waits: Promise<void>[] | undefined;
    for (const child of this.#children) {
      const wait = move(child);
      if (wait === undefined) continue;
      waits ??= [];
      waits.push(wait);
    }
    if (waits !== undefined) return this.#placeLater(waits);
    this.#orderAll();
    return undefined;
  }

  /** Also after a failure it waits for all, so that no child is left moving. */
  async #placeLater(waits: readonly Promise<void>[]): Promise<void> {
    const failed = (await Promise.allSettled(waits)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
    this.#orderAll();
  }

  #orderAll(): void {
    this.#live = 0;
    for (let index = 0; index < this.#children.length; index++) {
      const child = this.#children[index] as Cursor;
      if (!child.valid) continue;
      this.#keys[index] = child.key;
      this.#sequences[index] = child.sequence;
      let at = this.#live++;
      while (at > 0 && this.#isBefore(index, this.#order[at - 1] as number)) {
        this.#order[at] = this.#order[at - 1] as number;
        at--;
      }
      this.#order[at] = index;
    }
  }

  async #reorderLater(wait: Promise<void>, child: Cursor): Promise<void> {
    const live = this.#live;
    this.#live = 0;
    await wait;
    this.#live = live;
    this.#reorder(child);
  }

  /** The first child has moved: puts it where it stands now. */
  #reorder(child: Cursor): void {
    const order = this.#order;
    const index = order[0] as number;
    if (!child.valid) {
      this.#live--;
      for (let at = 0; at < this.#live; at++) order[at] = order[at + 1] as number;
      return;
    }
    this.#keys[index] = child.key;
    this.#sequences[index] = child.sequence;
    if (this.#live === 1 || this.#isBefore(index, order[1] as number)) return;
    // The second is before it: so it goes behind `low`, found by halving, and those up to there move up.
    let low = 1;
    let high = this.#live - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#isBefore(index, order[middle] as number)) high = middle - 1;
      else low = middle;
    }
    for (let at = 0; at < low; at++) order[at] = order[at + 1] as number;
    order[low] = index;
  }

  #isBefore(a: number, b: number): boolean {
    const keyOfA = this.#keys[a] as Key;
    const keyOfB = this.#keys[b] as Key;
    if (!sameKey(keyOfA, keyOfB)) return keyOfA < keyOfB === this.#forward;
    const difference = (this.#sequences[b] as number) - (this.#sequences[a] as number);
    return (difference === 0 ? a < b : difference < 0) === this.#forward;
  }
}
