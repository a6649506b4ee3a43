// The sequences that somebody reads at: snapshots, and iterators that were made without one. Whoever drops versions (memtables,
// writing out, compaction) asks here first.
//
// A version with sequence s that is hidden by a newer one with sequence n is still seen by reads in [s, n); when nobody reads
// there, it may go for good, because reads begin at the newest sequence only and that never goes back.

import { EngineError } from '../../base/errors.ts';
import type { LsmSnapshot } from './lsm-reads.ts';

class Snapshot implements LsmSnapshot {
  readonly sequence: number;
  /** Undefined once released. */
  owner: Snapshots | undefined;

  constructor(owner: Snapshots, sequence: number) {
    this.owner = owner;
    this.sequence = sequence;
  }

  [Symbol.dispose](): void {
    this.owner?.release(this.sequence);
    this.owner = undefined;
  }
}

export class Snapshots {
  /** Ascending, each once. Few: they are taken and released at the end, mostly. */
  readonly #sequences: number[] = [];
  /** How often each is held. */
  readonly #holds: number[] = [];
  #count = 0;

  /** Snapshots and iterators alive. */
  get count(): number {
    return this.#count;
  }

  /** The lowest sequence that somebody reads at. */
  get oldest(): number | undefined {
    return this.#sequences[0];
  }

  take(sequence: number): LsmSnapshot {
    this.hold(sequence);
    return new Snapshot(this, sequence);
  }

  /** The sequence of a snapshot of this store; throws `usage` for one that was released, or is another store's. */
  sequenceOf(snapshot: LsmSnapshot): number {
    if (snapshot instanceof Snapshot && snapshot.owner === this) return snapshot.sequence;
    throw new EngineError('usage', 'this snapshot was released, or belongs to another store', {
      context: { sequence: snapshot.sequence },
    });
  }

  /** Keeps what reads at this sequence see, until `release` was called as often. */
  hold(sequence: number): void {
    const at = this.#from(sequence);
    if (this.#sequences[at] === sequence) {
      this.#holds[at] = (this.#holds[at] as number) + 1;
    } else {
      this.#sequences.splice(at, 0, sequence);
      this.#holds.splice(at, 0, 1);
    }
    this.#count++;
  }

  release(sequence: number): void {
    const at = this.#from(sequence);
    if (this.#sequences[at] !== sequence) throw new EngineError('bug', `nobody holds sequence ${sequence}`);
    const holds = (this.#holds[at] as number) - 1;
    if (holds > 0) {
      this.#holds[at] = holds;
    } else {
      this.#sequences.splice(at, 1);
      this.#holds.splice(at, 1);
    }
    this.#count--;
  }

  /** Whether somebody reads at a sequence in [from, below): a version `from` that a version `below` hides is needed then. */
  anyIn(from: number, below: number): boolean {
    const newest = this.#sequences.at(-1);
    if (newest === undefined || newest < from) return false;
    return (this.#sequences[this.#from(from)] as number) < below;
  }

  /** Index of the first sequence at or above. */
  #from(sequence: number): number {
    let at = this.#sequences.length;
    while (at > 0 && (this.#sequences[at - 1] as number) >= sequence) at--;
    return at;
  }
}
