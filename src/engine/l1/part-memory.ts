// Memory for the parts of uploads, in blocks that are used again: by the next part, and by the next object. New memory costs more than
// copying into it, and the collector comes on top.
//
// - what nobody uses is kept up to `keptBytesMax`; how much is in use is bounded by those who upload
// - what a call that failed may still be reading does not come back here

const blockBytesMax = 1024 * 1024;

export interface PartMemoryOptions {
  readonly partBytes: number;
  readonly keptBytesMax: number;
}

export class PartMemory {
  /** Memory is taken in steps of this, so that a small object takes little. */
  readonly blockBytes: number;
  readonly #blocksMax: number;
  readonly #free: Buffer[] = [];

  constructor({ partBytes, keptBytesMax }: PartMemoryOptions) {
    this.blockBytes = Math.min(partBytes, blockBytesMax);
    this.#blocksMax = Math.floor(keptBytesMax / this.blockBytes);
  }

  /** Kept, and not in use. */
  get freeBytes(): number {
    return this.#free.length * this.blockBytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.blockBytes);
  }

  giveBack(blocks: readonly Buffer[]): void {
    for (const block of blocks) if (this.#free.length < this.#blocksMax) this.#free.push(block);
  }
}
