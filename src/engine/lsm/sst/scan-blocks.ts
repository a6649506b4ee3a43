// The blocks of a table for one walk in order, up or down: looked for in the cache, not kept there.
//
// - those that are not cached are read several at a time; they share the memory of that one read, so a value that is kept from a
//   scan keeps up to 64 KiB
// - walking up, the source is told ahead of time what will be read

import type { Block } from '../block/block.ts';
import type { TableSource } from '../io/table-storage.ts';
import type { TableBlocks } from './table-blocks.ts';

const readBytes = 64 * 1024;
/** How far ahead the source is told what will be read, and in which steps. */
const scanAheadBytes = 8 * 1024 * 1024;
const scanStepBytes = scanAheadBytes / 2;

export class ScanBlocks {
  readonly #blocks: TableBlocks;
  readonly #source: TableSource;
  /** The byte up to which the source knows what will be read. */
  #toldBytes = 0;
  /** What was read last, and where in the object it begins. */
  #bytes: Buffer = Buffer.alloc(0);
  #bytesStart = 0;
  #last = -1;

  constructor(blocks: TableBlocks, source: TableSource) {
    this.#blocks = blocks;
    this.#source = source;
  }

  at(at: number): Block | Promise<Block> {
    this.#lookAhead(at);
    const down = at < this.#last;
    this.#last = at;
    const cached = this.#blocks.peek(at);
    if (cached !== undefined) return cached;
    const { index } = this.#blocks;
    if (index.start(at) >= this.#bytesStart && index.start(at + 1) <= this.#bytesStart + this.#bytes.length)
      return this.#decode(at);
    const first = down ? this.#endOfRun(at, -1) : at;
    const last = down ? at : this.#endOfRun(at, 1);
    const start = index.start(first);
    const bytes = this.#source.read(start, index.start(last + 1) - start);
    return bytes instanceof Promise ? bytes.then((came) => this.#take(start, came, at)) : this.#take(start, bytes, at);
  }

  /** The last block, in this direction, that is read together with this one. */
  #endOfRun(at: number, direction: 1 | -1): number {
    const { index } = this.#blocks;
    let end = at;
    for (let bytes = index.length(at); ; end += direction) {
      const next = end + direction;
      if (next < 0 || next >= index.count) break;
      bytes += index.length(next);
      if (bytes > readBytes || this.#blocks.peek(next) !== undefined) break;
    }
    return end;
  }

  #take(start: number, bytes: Buffer, at: number): Block | Promise<Block> {
    this.#bytesStart = start;
    this.#bytes = bytes;
    return this.#decode(at);
  }

  #decode(at: number): Block | Promise<Block> {
    const start = this.#blocks.index.start(at) - this.#bytesStart;
    return this.#blocks.decode(this.#bytes.subarray(start, start + this.#blocks.index.length(at)), at, 'soon');
  }

  #lookAhead(at: number): void {
    const { index } = this.#blocks;
    const start = index.start(at);
    const end = index.start(index.count);
    const from = Math.max(start, this.#toldBytes);
    if (from >= end || from - start > scanAheadBytes - scanStepBytes) return;
    this.#toldBytes = Math.min(end, start + scanAheadBytes);
    this.#source.prefetch(from, this.#toldBytes);
  }
}
