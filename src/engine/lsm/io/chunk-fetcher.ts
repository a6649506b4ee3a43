// Brings chunks of tables from the bucket: every wish once, however many wait for it (single flight).
//
// A first small want of a cold chunk is a GET of exactly that range. A second one says that more will follow: the chunk is fetched
// whole and kept, on the disk, or in memory where no disk takes it. So is one of which much is wanted, or that was announced.

import type { DiskCache } from '../../disk-cache/disk-cache.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import type { AheadChunk, FetchMemory } from './fetch-memory.ts';
import { chunkBytes, chunkLength, copyOf } from './table-chunks.ts';
import { readTableRange } from './table-object.ts';

/** A want of at least this part of a chunk fetches all of it. */
const muchOfChunk = 1 / 4;
/** Chunks of which one small want is remembered. */
const touchedMax = 4096;

export interface FetchedTable {
  readonly key: string;
  readonly sizeBytes: number;
  /** Its name in the caches. */
  readonly id: string;
}

export class ChunkFetcher {
  readonly #store: ObjectStore;
  readonly #memory: FetchMemory;
  readonly #disk: DiskCache | undefined;
  /** GETs under way or waiting for their turn, by chunk, or chunk and range. */
  readonly #flights = new Map<string, Promise<Buffer>>();
  readonly #touched = new Set<string>();

  constructor(store: ObjectStore, memory: FetchMemory, disk: DiskCache | undefined) {
    this.#store = store;
    this.#memory = memory;
    this.#disk = disk;
  }

  /** Bytes of a chunk that is not on the disk. At once when the chunk is in memory. */
  read(table: FetchedTable, index: number, at: number, length: number, announced: boolean): Buffer | Promise<Buffer> {
    const chunk = chunkName(table, index);
    const held = this.#memory.held(chunk, at + length);
    if (held !== undefined) return copyOf(held, at, length);
    const flight = this.#flights.get(chunk);
    if (flight !== undefined) return this.#fromFlight(flight, chunk, at, length);
    if (announced || length >= chunkLength(index, table.sizeBytes) * muchOfChunk || this.#touched.delete(chunk)) {
      return this.#fromFlight(this.#fetchChunk(table, index), chunk, at, length);
    }
    this.#touch(chunk);
    return this.#fetchRange(table, index, at, length);
  }

  /** `done` of it is called once, when the chunk holds no memory that is counted as fetched ahead. */
  fetchAhead(table: FetchedTable, index: number, ahead: AheadChunk): void {
    const chunk = chunkName(table, index);
    if (this.isNear(table, index) || this.#flights.has(chunk)) ahead.done(true);
    // A failure shows when the chunk is read.
    else this.#fly(chunk, this.#getChunk(table, index, ahead)).catch(() => ahead.done(false));
  }

  /** On the disk or in memory. */
  isNear(table: FetchedTable, index: number): boolean {
    return this.#disk?.has(table.id, index) === true || this.#memory.holds(chunkName(table, index));
  }

  /** From the object itself, whatever is near or on its way. */
  async readAgain(table: FetchedTable, start: number, length: number): Promise<Buffer> {
    return await this.#counted(length, () => readTableRange(this.#store, table.key, table.sizeBytes, start, length));
  }

  /** What is near of the table is thrown away, because these chunks of it were wrong: the others may be of another table too. */
  drop(table: FetchedTable, indexes: readonly number[]): void {
    this.#disk?.drop(table.id);
    this.#memory.dropTable(table.id);
    // Who needs one of them once more needs all of it.
    for (const index of indexes) this.#touch(chunkName(table, index));
  }

  async #fromFlight(flight: Promise<Buffer>, chunk: string, at: number, length: number): Promise<Buffer> {
    const bytes = await flight;
    // Says to whoever holds it how far it has been read.
    this.#memory.held(chunk, at + length);
    return copyOf(bytes, at, length);
  }

  #fetchChunk(table: FetchedTable, index: number): Promise<Buffer> {
    const length = chunkLength(index, table.sizeBytes);
    return this.#fly(
      chunkName(table, index),
      this.#counted(length, () => this.#getChunk(table, index)),
    );
  }

  async #getChunk(table: FetchedTable, index: number, ahead?: AheadChunk): Promise<Buffer> {
    const start = index * chunkBytes;
    const length = chunkLength(index, table.sizeBytes);
    const bytes = await readTableRange(this.#store, table.key, table.sizeBytes, start, length);
    if (this.#disk?.keep(table.id, index, [bytes]) === true) ahead?.done(true);
    else this.#memory.hold(chunkName(table, index), bytes, ahead);
    return bytes;
  }

  #fetchRange(table: FetchedTable, index: number, at: number, length: number): Promise<Buffer> {
    const name = `${chunkName(table, index)}@${at}+${length}`;
    const start = index * chunkBytes + at;
    return (
      this.#flights.get(name) ??
      this.#fly(
        name,
        this.#counted(length, () => readTableRange(this.#store, table.key, table.sizeBytes, start, length)),
      )
    );
  }

  #fly(name: string, flight: Promise<Buffer>): Promise<Buffer> {
    this.#flights.set(name, flight);
    const landed = () => void this.#flights.delete(name);
    flight.then(landed, landed);
    return flight;
  }

  async #counted(bytes: number, get: () => Promise<Buffer>): Promise<Buffer> {
    const giveBack = await this.#memory.inFlight.take(bytes);
    try {
      return await get();
    } finally {
      giveBack();
    }
  }

  #touch(chunk: string): void {
    this.#touched.add(chunk);
    if (this.#touched.size <= touchedMax) return;
    for (const oldest of this.#touched) {
      this.#touched.delete(oldest);
      return;
    }
  }
}

const chunkName = (table: FetchedTable, index: number): string => `${table.id}/${index}`;
