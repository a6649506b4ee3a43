// Where the values of a memtable lie: copied one behind the other into buffers of 64 KiB, so that a value is a number in its row,
// not an object that the garbage collector has to move, mark and sweep. With one buffer a value, its pauses were the longest of all.
//
// Values are only added: what a view shows never changes. What was overwritten takes its room until the memtable moves what is left
// into another one.

/** A place of a value. */
export type ValuePlace = number;

/** In place of a value: a tombstone. */
export const noValue: ValuePlace = -1;

const lengthBytes = 4;
const chunkBytesMin = 1024;
/** Also what a value keeps in memory that somebody holds for long. */
const chunkBytesMax = 64 * 1024;
/** One that is larger gets a chunk of its own, so that at most this part of a chunk stays empty. */
const sharedBytesMax = chunkBytesMax / 8;

export class ValueRoom {
  readonly #chunks: Buffer[] = [];
  /** The one that fills, its number, and how far it is filled. */
  #chunk: Buffer = Buffer.alloc(0);
  #number = 0;
  #filled = 0;
  #bytes = 0;

  /** What was added, with what each value costs beside its bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  add(value: Uint8Array | undefined): ValuePlace {
    if (value === undefined) return noValue;
    const needed = lengthBytes + value.length;
    this.#bytes += needed;
    if (needed > sharedBytesMax)
      return write(this.#begin(needed), 0, value) + (this.#chunks.length - 1) * chunkBytesMax;
    if (this.#filled + needed > this.#chunk.length) {
      // The first ones are small: most stores of a process are.
      this.#chunk = this.#begin(Math.min(chunkBytesMax, Math.max(chunkBytesMin, needed, this.#bytes)));
      this.#number = this.#chunks.length - 1;
      this.#filled = 0;
    }
    const at = write(this.#chunk, this.#filled, value);
    this.#filled += needed;
    return this.#number * chunkBytesMax + at;
  }

  /** What the value there has added to `bytes`. */
  bytesAt(place: ValuePlace): number {
    return place === noValue ? 0 : lengthBytes + this.at(place).length;
  }

  /** A view. Not for `noValue`. */
  at(place: ValuePlace): Buffer {
    const chunk = this.#chunks[Math.floor(place / chunkBytesMax)] as Buffer;
    const start = (place % chunkBytesMax) + lengthBytes;
    return chunk.subarray(start, start + chunk.readUInt32LE(start - lengthBytes));
  }

  #begin(bytes: number): Buffer {
    const chunk = Buffer.allocUnsafeSlow(bytes);
    this.#chunks.push(chunk);
    return chunk;
  }
}

function write(chunk: Buffer, at: number, value: Uint8Array): number {
  chunk.writeUInt32LE(value.length, at);
  chunk.set(value, at + lengthBytes);
  return at;
}
