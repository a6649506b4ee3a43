// Large content is written whole and in its place, and no more than a piece of it is ever waiting to be flushed.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OpenFile } from '../../../src/engine/store/file-system.ts';
import { writeFlushed } from '../../../src/engine/store/flushed-write.ts';

const mebibyte = 1024 * 1024;

/** A file in memory that knows what is not flushed. */
class WatchedFile {
  readonly content: Buffer;
  unflushed = 0;
  unflushedMost = 0;
  flushes = 0;

  constructor(size: number) {
    this.content = Buffer.alloc(size);
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    let at = position;
    for (const part of parts) {
      this.content.set(part, at);
      at += part.length;
    }
    this.unflushed += at - position;
    this.unflushedMost = Math.max(this.unflushedMost, this.unflushed);
  }

  async flushData(): Promise<void> {
    this.unflushed = 0;
    this.flushes++;
  }
}

const write = (file: WatchedFile, body: readonly Uint8Array[], position: number): Promise<void> =>
  writeFlushed(file as unknown as OpenFile, body, position);

describe('content that is flushed as it is written', () => {
  it('lies in its place, whatever parts it comes in, and is flushed when that has ended', async () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 3 * mebibyte }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.integer({ min: 0, max: 100 }), async (all, position) => {
        const body = all.map((length, at) => Buffer.alloc(length, at + 1));
        const expected = Buffer.concat([Buffer.alloc(position), ...body]);
        const file = new WatchedFile(expected.length);
        await write(file, body, position);
        expect(file.content.equals(expected)).toBe(true);
        expect(file.unflushed).toBe(0);
        expect(file.unflushedMost).toBeLessThanOrEqual(mebibyte);
      }),
      { numRuns: 30 },
    );
  });

  it('takes as many flushes as it has pieces of a MiB', async () => {
    const file = new WatchedFile(5 * mebibyte + 10);
    await write(file, [Buffer.alloc(2.5 * mebibyte), Buffer.alloc(2.5 * mebibyte), Buffer.alloc(10)], 0);
    expect(file.flushes).toBe(6);
  });
});
