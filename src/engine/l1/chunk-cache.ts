// Chunks of L1 objects for all who read them: from memory, from a read that is under way, or by a new one.
//
// - a chunk is on its way once, however many wait for it; who goes away leaves the others what they wait for
// - whoever gets a chunk holds its memory until it releases it
// - consecutive chunks that are missing come by one GET; a chunk that has a local copy comes from there
// - chunks fetched ahead are hints: they are never waited for, and what fails shows when somebody reads it

import type { EngineError } from '../base/errors.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import type { ChunkReader } from './chunk-reader.ts';
import { chunkId, type OpenObject } from './open-object.ts';

/** Bytes that stay until they are released, once. */
export interface HeldChunk {
  readonly bytes: Buffer;
  release(): void;
}

interface Flight {
  /** Of this chunk; undefined where it comes into plain memory. */
  readonly memory: SlabRange | undefined;
  readonly done: Promise<Buffer>;
}

const plain = (bytes: Buffer): HeldChunk => ({ bytes, release: () => {} });
const pooled = (range: SlabRange): HeldChunk => ({ bytes: range.bytes, release: () => range.unpin() });

export class ChunkCache {
  readonly #memory: ChunkMemory;
  readonly #reader: ChunkReader;
  readonly #flights = new Map<string, Flight>();
  hits = 0;
  misses = 0;
  /** Waits for a chunk that was on its way already. */
  shared = 0;
  aheadBytes = 0;

  constructor(memory: ChunkMemory, reader: ChunkReader) {
    this.#memory = memory;
    this.#reader = reader;
  }

  /** A chunk that is in memory, at once. */
  near(object: OpenObject, chunk: number): HeldChunk | undefined {
    const range = this.#memory.take(chunkId(object.objectId, chunk));
    return range === undefined ? undefined : pooled(range);
  }

  isHere(object: OpenObject, chunk: number): boolean {
    return this.#memory.has(chunkId(object.objectId, chunk));
  }

  /** In memory or on its way. */
  isNear(object: OpenObject, chunk: number): boolean {
    const id = chunkId(object.objectId, chunk);
    return this.#flights.has(id) || this.#memory.has(id);
  }

  /** Chunks [first, end), each at once or when it has come. The caller releases all of them, also those that come too late. */
  want(object: OpenObject, first: number, end: number): (HeldChunk | Promise<HeldChunk>)[] {
    const wants: (HeldChunk | Promise<HeldChunk>)[] = [];
    for (let chunk = first; chunk < end; chunk = first + wants.length) {
      const near = this.near(object, chunk);
      const flight = this.#flights.get(chunkId(object.objectId, chunk));
      if (near !== undefined) {
        this.hits++;
        wants.push(near);
      } else if (flight !== undefined) {
        this.shared++;
        wants.push(join(flight));
      } else {
        for (const started of this.#startWanted(object, chunk, end)) {
          this.misses++;
          wants.push(join(started));
        }
      }
    }
    return wants;
  }

  /**
   * Starts to fetch the first of chunks [first, end) by one GET, as many as find memory side by side. Gives the number of the first that
   * it did not get to: `first` itself where there is no memory.
   */
  ahead(object: OpenObject, first: number, end: number): number {
    if (this.isNear(object, first)) return first + 1;
    const runEnd = this.#runEnd(object, first, end);
    const length = lengthOf(object, first, runEnd);
    const memory = this.#memory.allocateAhead(length);
    if (memory === undefined) return first;
    this.aheadBytes += length;
    this.#startRun(object, first, runEnd, memory, () => this.#memory.aheadDone(length));
    return runEnd;
  }

  async settled(): Promise<void> {
    while (this.#flights.size > 0) await Promise.allSettled([...this.#flights.values()].map(({ done }) => done));
  }

  /** Up to where one read goes that begins with a missing chunk. */
  #runEnd(object: OpenObject, first: number, end: number): number {
    if (this.#reader.isOnDisk(object, first)) return first + 1;
    const bytesMax = this.#memory.fit(lengthOf(object, first, end));
    let runEnd = first + 1;
    while (runEnd < end && lengthOf(object, first, runEnd + 1) <= bytesMax) {
      if (this.isNear(object, runEnd) || this.#reader.isOnDisk(object, runEnd)) break;
      runEnd++;
    }
    return runEnd;
  }

  #startWanted(object: OpenObject, first: number, end: number): Flight[] {
    const runEnd = this.#runEnd(object, first, end);
    const memory = this.#memory.allocate(lengthOf(object, first, runEnd));
    if (memory !== undefined) return this.#startRun(object, first, runEnd, memory);
    const single = runEnd === first + 1 ? undefined : this.#memory.allocate(lengthOf(object, first, first + 1));
    if (single !== undefined) return this.#startRun(object, first, first + 1, single);
    return [this.#startPlain(object, first)];
  }

  /** One flight for each chunk, one read for all. The memory's pin is given up when it is over. */
  #startRun(object: OpenObject, first: number, end: number, memory: SlabRange, over?: () => void): Flight[] {
    const start = object.footer.chunkPosition(first);
    const run = this.#reader.isOnDisk(object, first)
      ? this.#reader.readOne(object, first, memory.bytes).then((bytes): (Buffer | EngineError)[] => [bytes])
      : this.#reader.readRun(object, first, end, memory.bytes);
    const flights: Flight[] = [];
    for (let chunk = first; chunk < end; chunk++) {
      const slice = memory.slice(object.footer.chunkPosition(chunk) - start, lengthOf(object, chunk, chunk + 1));
      const done = run.then((outcomes) => {
        const outcome = outcomes[chunk - first];
        if (!Buffer.isBuffer(outcome)) throw outcome;
        this.#keep(object, chunk, slice);
        return outcome;
      });
      flights.push(this.#fly(chunkId(object.objectId, chunk), { memory: slice, done }));
    }
    Promise.allSettled(flights.map(({ done }) => done)).then(() => {
      memory.unpin();
      over?.();
    });
    return flights;
  }

  #startPlain(object: OpenObject, chunk: number): Flight {
    const length = lengthOf(object, chunk, chunk + 1);
    const read = async () => {
      const giveBack = await this.#memory.takePlain(length);
      try {
        return await this.#reader.readOne(object, chunk, Buffer.allocUnsafeSlow(length));
      } finally {
        giveBack();
      }
    };
    return this.#fly(chunkId(object.objectId, chunk), { memory: undefined, done: read() });
  }

  #fly(id: string, flight: Flight): Flight {
    this.#flights.set(id, flight);
    const over = () => void this.#flights.delete(id);
    flight.done.then(over, over);
    return flight;
  }

  #keep(object: OpenObject, chunk: number, slice: SlabRange): void {
    this.#memory.keep(chunkId(object.objectId, chunk), slice);
    // A chunk on its way to the disk pins its slab: not while others are short of memory.
    if (slice.scarce || this.#reader.isOnDisk(object, chunk)) return;
    slice.pin();
    if (!this.#reader.keepOnDisk(object, chunk, slice.bytes, () => slice.unpin())) slice.unpin();
  }
}

/** The flight's memory is pinned for the one who waits from now on, so that it is still there when it comes to look. */
async function join({ memory, done }: Flight): Promise<HeldChunk> {
  if (memory === undefined) return plain(await done);
  memory.pin();
  try {
    await done;
    return pooled(memory);
  } catch (error) {
    memory.unpin();
    throw error;
  }
}

/** Bytes of chunks [first, end). */
const lengthOf = ({ footer }: OpenObject, first: number, end: number): number =>
  footer.chunkEnd(end - 1) - footer.chunkPosition(first);
