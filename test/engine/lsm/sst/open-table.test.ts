// What an opening compares beyond checksums: that the table is the one that was meant, and that its index reaches as far as it does.

import { describe, expect, it } from 'vitest';
import { newestSequence, type Version } from '../../../../src/engine/lsm/core/row.ts';
import { BlockCache } from '../../../../src/engine/lsm/io/block-cache.ts';
import { BlockIndex, BlockIndexBuilder, type Boundary } from '../../../../src/engine/lsm/sst/block-index.ts';
import { openTable } from '../../../../src/engine/lsm/sst/open-table.ts';
import { decodeFooter, encodeFooter, footerBytes } from '../../../../src/engine/lsm/sst/table-format.ts';
import { buildTable, MemorySource, smallRules, walk } from './table-specimens.ts';

const rows = (sequence: number): Version[] =>
  ['a', 'b', 'c', 'd'].map((key) => ({ key, sequence, value: Buffer.from(`${key}${sequence} `.repeat(20)) }));
const rules = { ...smallRules, blockBytes: 60, compression: 'none' } as const;
const { object, info } = buildTable(rows(5), rules);

/** The same table with another index, all checksums right. */
function withIndex(change: (boundaries: Boundary[]) => Boundary[]): Buffer {
  const sections = decodeFooter(object.subarray(-footerBytes), object.length, 'table');
  const { dataBytes, filterBytes, indexBytes } = sections;
  const start = dataBytes + filterBytes;
  const old = object.subarray(start, start + indexBytes);
  const index = BlockIndex.decode(old, dataBytes, { key: 'table', start, length: indexBytes });
  const builder = new BlockIndexBuilder();
  const boundaries = change(Array.from({ length: index.count }, (_, at) => index.boundary(at)));
  for (const [at, boundary] of boundaries.entries()) builder.add(boundary, index.length(at));
  const changed = builder.finish();
  const footer = encodeFooter({ ...sections, indexBytes: changed.length });
  return Buffer.concat([object.subarray(0, start), changed, object.subarray(start + indexBytes, -footerBytes), footer]);
}

/** Reading again throws the local copy away. */
class LocalSource extends MemorySource {
  readonly #bucket = new MemorySource(object);

  override read(start: number, length: number): Buffer | Promise<Buffer> {
    return this.readsAgain === 0 ? super.read(start, length) : this.#bucket.read(start, length);
  }
}

describe('a table whose local copy is another table of the same size', () => {
  it('is read from the bucket', async () => {
    const other = buildTable(rows(4), rules).object;
    expect(other.length).toBe(object.length);
    const source = new LocalSource(other, 'sync', object);
    const table = await openTable(source, info, new BlockCache(0));
    expect(await walk(table.cursor())).toEqual(rows(5));
  });

  it('is refused where the bucket has the other one too', async () => {
    const source = new MemorySource(buildTable(rows(4), rules).object);
    await expect(openTable(source, info, new BlockCache(0))).rejects.toMatchObject({
      code: 'corrupt-object',
      context: { key: source.key, expected: 5, actual: 4 },
    });
  });
});

describe('an index that ends before its table', () => {
  it('is damage: it would hide the last rows from look-ups', async () => {
    const whole = new MemorySource(withIndex((boundaries) => boundaries));
    const table = await openTable(whole, { ...info, sizeBytes: whole.sizeBytes }, new BlockCache(0));
    expect((await table.find('d', newestSequence))?.sequence).toBe(5);
    const cut = new MemorySource(withIndex((boundaries) => [...boundaries.slice(0, -1), { key: 'c!', sequence: 0 }]));
    await expect(openTable(cut, { ...info, sizeBytes: cut.sizeBytes }, new BlockCache(0))).rejects.toMatchObject({
      code: 'corrupt-object',
      context: { key: cut.key },
    });
  });
});
