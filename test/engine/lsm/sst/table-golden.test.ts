import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Version } from '../../../../src/engine/lsm/core/row.ts';
import { BlockCache } from '../../../../src/engine/lsm/io/block-cache.ts';
import { inspectBlocks, inspectTable } from '../../../../src/engine/lsm/sst/inspect-table.ts';
import { openTable, readTableFacts } from '../../../../src/engine/lsm/sst/open-table.ts';
import { buildTable, MemorySource, tableName, walk } from './table-specimens.ts';

const versions: Version[] = [
  { key: 'apple', sequence: 12, value: undefined },
  { key: 'apple', sequence: 3, value: Buffer.from('green') },
  { key: 'apple pie', sequence: 4, value: Buffer.from('warm') },
  { key: 'banana', sequence: 700, value: Buffer.from('yellow') },
  { key: 'cherry', sequence: 5, value: Buffer.from('red') },
];

function golden(name: string): Buffer {
  const text = readFileSync(new URL(`../../../golden/${name}.hex`, import.meta.url), 'utf8');
  return Buffer.from(text.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, ''), 'hex');
}

async function readAll(object: Buffer): Promise<Version[]> {
  const source = new MemorySource(object);
  const info = { name: tableName, ...(await readTableFacts(source)) };
  const table = await openTable(source, info, new BlockCache(0));
  for (const { key, sequence, value } of await walk(table.cursor())) {
    expect(await table.find(key, sequence)).toEqual({ sequence, value });
  }
  return walk(table.cursor());
}

describe('the golden table', () => {
  it('is byte for byte what is written, and what the format page shows', () => {
    const rules = { blockBytes: 64, restartInterval: 2, bloomBitsPerKey: 10, compression: 'none' } as const;
    expect(buildTable(versions, rules).object.toString('hex')).toBe(golden('sst-v1').toString('hex'));
    const page = readFileSync(new URL('../../../../docs/formats/sstable.md', import.meta.url), 'utf8');
    expect(page).toContain(readFileSync(new URL('../../../golden/sst-v1.hex', import.meta.url), 'utf8'));
  });

  it('is read', async () => {
    expect(await readAll(golden('sst-v1'))).toEqual(versions);
  });

  it('with a compressed block is read', async () => {
    const longer = versions.with(3, { key: 'banana', sequence: 700, value: Buffer.from('yellow '.repeat(20)) });
    expect(await readAll(golden('sst-v1-zstd'))).toEqual(longer);
  });

  it('is explained by an inspection', async () => {
    const source = new MemorySource(golden('sst-v1-zstd'));
    const blocks = await Array.fromAsync(inspectBlocks(source));
    expect(blocks).toMatchObject([
      {
        at: 0,
        range: { start: 0, length: 93 },
        boundary: { key: 'c', sequence: 0 },
        compression: 'zstd',
        payloadBytes: 207,
      },
      { at: 1, range: { start: 93, length: 38 }, boundary: { key: 'cherry', sequence: 0 }, compression: 'none' },
    ]);
    expect(await inspectTable(source)).toMatchObject({
      sections: { dataBytes: 131, filterBytes: 73, indexBytes: 22, factsBytes: 51 },
      facts: { entries: 5, tombstones: 1, oldest: 3, newest: 700, smallest: 'apple', largest: 'cherry' },
      counted: { blocks: 2, entries: 5, tombstones: 1 },
      findings: [],
    });
  });
});
