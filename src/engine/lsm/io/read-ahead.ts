// Who may fetch the next chunk ahead of its reader. Each reader queues the chunks that it will want, in order; all share one limit
// in bytes on chunks that are on their way or not read yet, in equal parts, and take turns.
//
// A reader that went away leaves chunks that nobody reads. They hold their part of the limit until they are evicted, and then the
// rest of their queue is thrown away: nobody wants it.

import { type ChunkPiece, chunkBytes } from './table-chunks.ts';

/** Fetches a chunk. `done` is called once: whether the chunk was of use, or went unread. */
type FetchChunk = (index: number, done: (wanted: boolean) => void) => void;

export class AheadQueue {
  readonly fetch: FetchChunk;
  /** Not asked for yet. */
  readonly waiting = new Set<number>();
  /** On their way, or not read yet. */
  outstanding = 0;
  /** How far into each of these chunks the reader said that it will read. */
  readonly #ends = new Map<number, number>();

  constructor(fetch: FetchChunk) {
    this.fetch = fetch;
  }

  /** Bytes of the chunk up to which it is wanted. */
  end(index: number): number {
    return this.#ends.get(index) ?? 0;
  }

  add({ index, at, length }: ChunkPiece): void {
    if (!this.#ends.has(index)) this.waiting.add(index);
    this.#ends.set(index, Math.max(this.end(index), at + length));
  }

  /** The reader was faster: it fetches the chunk itself. False where it is not waiting. */
  take(index: number): boolean {
    if (!this.waiting.delete(index)) return false;
    this.#ends.delete(index);
    return true;
  }

  left(index: number, wanted: boolean): void {
    this.#ends.delete(index);
    if (!wanted) for (const unwanted of [...this.waiting]) this.take(unwanted);
  }
}

export class ReadAhead {
  readonly bytesMax: number;
  #bytes = 0;
  /** Those with chunks that wait or are outstanding; the next in turn first. */
  readonly #queues = new Set<AheadQueue>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** On their way, or not read yet. A last, shorter chunk counts as a whole one. */
  get bytes(): number {
    return this.#bytes;
  }

  want(queue: AheadQueue, pieces: Iterable<ChunkPiece>): void {
    for (const piece of pieces) queue.add(piece);
    this.#queues.add(queue);
    this.#start();
  }

  #start(): void {
    let passed = 0;
    for (const queue of this.#queues) {
      if (this.#bytes + chunkBytes > this.bytesMax || passed > this.#queues.size) return;
      // To the end of the line.
      this.#queues.delete(queue);
      this.#queues.add(queue);
      const [next] = queue.waiting;
      if (next === undefined || queue.outstanding >= this.#share()) {
        passed++;
        continue;
      }
      passed = 0;
      this.#fetch(queue, next);
    }
  }

  #share(): number {
    return Math.max(1, Math.floor(this.bytesMax / chunkBytes / this.#queues.size));
  }

  #fetch(queue: AheadQueue, index: number): void {
    queue.waiting.delete(index);
    queue.outstanding++;
    this.#bytes += chunkBytes;
    queue.fetch(index, (wanted) => {
      queue.outstanding--;
      this.#bytes -= chunkBytes;
      queue.left(index, wanted);
      if (queue.waiting.size === 0 && queue.outstanding === 0) this.#queues.delete(queue);
      this.#start();
    });
  }
}
