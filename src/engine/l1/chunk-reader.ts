// Brings chunks of one object from the store or the local copy, and checks every one against its CRC32C before anybody sees it.
//
// - one GET covers consecutive chunks. Of what came short or damaged, each chunk is read once more, from the store itself; when it is
//   damaged then too, it fails with the object's key and the byte range. The chunks around it are good
// - a local copy that is damaged is thrown away, all of it, and the chunk read from the store

import { crc32c } from '../base/checksum.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { TurnGate } from '../base/turn-gate.ts';
import type { DiskCache } from '../disk-cache/disk-cache.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { cameShort, type ObjectRange, readRange } from './object-range.ts';
import type { OpenObject } from './open-object.ts';

export interface ChunkReaderOptions {
  readonly store: ObjectStore;
  readonly logger: Logger;
  readonly disk?: DiskCache | undefined;
}

/** Checked in half a millisecond or less. */
const checkedBytesPerTurn = 2 * 1024 * 1024;

export class ChunkReader {
  readonly #options: ChunkReaderOptions;
  readonly #turns = new TurnGate(checkedBytesPerTurn);
  /** GETs, and what came by them. */
  reads = 0;
  readBytes = 0;

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
  }

  isOnDisk(object: OpenObject, chunk: number): boolean {
    return this.#options.disk?.has(object.diskId, chunk) ?? false;
  }

  /** Chunks [first, end) from the store, one behind the other in `into`. Per chunk its bytes, or why there are none. */
  async readRun(
    object: OpenObject,
    first: number,
    end: number,
    into: Buffer,
    signal?: AbortSignal,
  ): Promise<(Buffer | EngineError)[]> {
    const start = object.footer.chunkPosition(first);
    const numbers = Array.from({ length: end - first }, (_, at) => first + at);
    let came: number;
    try {
      const range = { ...object, start, end: object.footer.chunkEnd(end - 1) };
      came = (await this.#get(range, into.subarray(0, range.end - range.start), signal)).length;
    } catch (thrown) {
      const error = toEngineError(thrown);
      return numbers.map(() => error);
    }
    const outcomes: (Buffer | EngineError)[] = [];
    for (const number of numbers) {
      const from = object.footer.chunkPosition(number) - start;
      const bytes = into.subarray(from, object.footer.chunkEnd(number) - start);
      const turn = this.#turns.pass(bytes.length);
      if (turn !== undefined) await turn;
      const there = from + bytes.length <= came && crc32c(bytes) === object.footer.chunk(number).crc;
      outcomes.push(there ? bytes : await this.#readAgain(object, number, bytes, signal));
    }
    return outcomes;
  }

  /** One chunk into memory of its length, from the local copy where there is one. Throws what is wrong. */
  async readOne(object: OpenObject, chunk: number, into: Buffer, signal?: AbortSignal): Promise<Buffer> {
    const local = await this.#readLocal(object, chunk, into);
    if (local !== undefined) return local;
    const outcome = (await this.readRun(object, chunk, chunk + 1, into, signal))[0] as Buffer | EngineError;
    if (outcome instanceof EngineError) throw outcome;
    return outcome;
  }

  /** Puts a good chunk into the local copy. False where it is not taken; else `written` is called when its bytes may change. */
  keepOnDisk(object: OpenObject, chunk: number, bytes: Buffer, written: () => void): boolean {
    return this.#options.disk?.keep(object.diskId, chunk, [bytes], written) ?? false;
  }

  async #readLocal(object: OpenObject, chunk: number, into: Buffer): Promise<Buffer | undefined> {
    const { disk, logger } = this.#options;
    if (disk === undefined || !this.isOnDisk(object, chunk)) return undefined;
    const bytes = await disk.read(object.diskId, chunk, 0, into.length, into);
    if (bytes === undefined) return undefined;
    if (bytes.length === into.length && crc32c(bytes) === object.footer.chunk(chunk).crc) return bytes;
    logger.warn({ key: object.key, chunk }, 'the local copy of an L1 object is damaged; it is read from the bucket');
    disk.drop(object.diskId);
    return undefined;
  }

  async #readAgain(
    object: OpenObject,
    number: number,
    into: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<Buffer | EngineError> {
    const { key, footer } = object;
    const { position, length, crc } = footer.chunk(number);
    const range: ObjectRange = { ...object, start: position, end: position + length };
    this.#options.logger.warn(
      { key, start: range.start, end: range.end },
      'an L1 range came damaged; reading it once more',
    );
    try {
      const bytes = await this.#get(range, into, signal);
      if (bytes.length !== length) return cameShort(range, bytes.length);
      const actual = crc32c(bytes);
      return actual === crc ? bytes : damaged(range, crc, actual);
    } catch (error) {
      return toEngineError(error);
    }
  }

  async #get(range: ObjectRange, into: Buffer, signal: AbortSignal | undefined): Promise<Buffer> {
    this.reads++;
    const bytes = await readRange(this.#options.store, range, { into, signal });
    this.readBytes += bytes.length;
    return bytes;
  }
}

function damaged({ key, start, end }: ObjectRange, crc: number, found: number): EngineError {
  const expected = hex(crc);
  const actual = hex(found);
  return new EngineError(
    'corrupt-object',
    `L1 object ${key}, bytes ${start} to ${end}: CRC32C ${actual}, its footer says ${expected}`,
    { context: { key, start, end, expected, actual } },
  );
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');
