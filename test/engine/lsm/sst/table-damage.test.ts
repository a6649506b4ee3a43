// Every flipped bit and every truncation of small tables: detected and named, never a wrong row.

import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../../src/engine/base/checksum.ts';
import { hasCode } from '../../../../src/engine/base/errors.ts';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import { newestSequence, type Version } from '../../../../src/engine/lsm/core/row.ts';
import { BlockCache } from '../../../../src/engine/lsm/io/block-cache.ts';
import { inspectBlocks, inspectTable } from '../../../../src/engine/lsm/sst/inspect-table.ts';
import { openTable, readTableFacts } from '../../../../src/engine/lsm/sst/open-table.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';
import { buildTable, MemorySource, smallRules, walk } from './table-specimens.ts';

const versions: Version[] = [
  { key: 'apple', sequence: 12, value: undefined },
  { key: 'apple', sequence: 3, value: Buffer.from('green') },
  { key: 'apple pie', sequence: 4, value: Buffer.from('warm '.repeat(30)) },
  { key: 'banana', sequence: 700, value: Buffer.from('x'.repeat(100)) },
  { key: 'banana split', sequence: 9, value: Buffer.from('cold') },
  { key: 'cherry', sequence: 5, value: seededRandom(1).bytes(20) },
];
const raw = buildTable(versions, { ...smallRules, blockBytes: 150, compression: 'none' });
const packed = buildTable(versions, { ...smallRules, blockBytes: 150 });
const specimens = [
  ['raw', raw],
  ['compressed', packed],
] as const;

/** Everything that can be read, as one text. */
async function readAll(source: MemorySource, info: TableInfo): Promise<string> {
  const table = await openTable(source, info, new BlockCache(0));
  const lines = [await walk(table.cursor()), await walk(table.cursor({ scan: true }), 'backward')];
  const found = [];
  for (const { key, sequence } of versions) {
    found.push(await table.find(key, sequence), await table.find(key, newestSequence), await table.find(`${key}!`, 5));
  }
  return JSON.stringify([lines, found]);
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}

const flipped = (object: Buffer, at: number, bit: number): Buffer => {
  const damaged = Buffer.from(object);
  damaged[at] = (damaged[at] as number) ^ (1 << bit);
  return damaged;
};

describe.each(specimens)('a damaged table, %s', (_, { object, info }) => {
  it('shows every flipped bit, and names the object', async () => {
    for (let at = 0; at < object.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const source = new MemorySource(flipped(object, at, bit));
        const error = await failure(readAll(source, info));
        const place = `byte ${at}, bit ${bit}`;
        expect(hasCode(error, 'corrupt-object', 'unsupported-format'), `${place}: ${error}`).toBe(true);
        expect(error, place).toMatchObject({ context: { key: source.key, start: expect.any(Number) } });
      }
    }
  });

  it('is mended from the object when only the local copy is damaged', async () => {
    const right = await readAll(new MemorySource(object), info);
    for (let at = 0; at < object.length; at++) {
      const source = new MemorySource(flipped(object, at, at % 8), at % 2 === 0 ? 'sync' : 'async', object);
      expect(await readAll(source, info), `byte ${at}`).toBe(right);
      expect(source.readsAgain).toBeGreaterThan(0);
    }
  });

  it('is refused, by name, when it was cut anywhere', async () => {
    for (let length = 0; length < object.length; length++) {
      const cut = new MemorySource(object.subarray(0, length));
      const told = await failure(openTable(cut, info, new BlockCache(0)));
      const untold = await failure(readTableFacts(cut));
      for (const error of [told, untold]) {
        expect(hasCode(error, 'corrupt-object'), `${length} bytes: ${error}`).toBe(true);
        expect(error).toMatchObject({ context: { key: cut.key } });
      }
    }
  });

  it('is shown by an inspection with its place, whatever bit it is', async () => {
    expect((await inspectTable(new MemorySource(object), info)).findings).toEqual([]);
    for (let at = 0; at < object.length; at++) {
      const source = new MemorySource(flipped(object, at, at % 8));
      const inspected = await inspectTable(source, info).catch((error: unknown) => {
        expect(hasCode(error, 'unsupported-format')).toBe(true);
        return undefined;
      });
      if (inspected === undefined) continue;
      const places = inspected.findings.filter(({ start, length }) => start <= at && at < start + length);
      expect(places, `byte ${at}`).not.toEqual([]);
      expect(places[0]?.problem).toContain(source.key);
    }
  });

  it('never makes anything but a clean refusal of what checksums let through', async () => {
    // Every section ends with its checksum; so a forger who flips a bit anywhere can make them all match again.
    const ends = await sectionEnds(object);
    for (let at = 0; at < object.length; at++) {
      const forged = flipped(object, at, (at * 5) % 8);
      const [start, end] = ends.find(([from, to]) => from <= at && at < to) as [number, number];
      forged.writeUInt32BE(crc32c(forged.subarray(start, end - 4)), end - 4);
      const source = new MemorySource(forged);
      const error = await failure(readAll(source, info));
      if (error !== undefined)
        expect(hasCode(error, 'corrupt-object', 'unsupported-format'), `${at}: ${error}`).toBe(true);
      const inspecting = await failure(inspectTable(source));
      if (inspecting !== undefined) expect(hasCode(inspecting, 'unsupported-format'), `${inspecting}`).toBe(true);
    }
  });
});

/** [start, end) of every part that has a checksum as its last four bytes. */
async function sectionEnds(object: Buffer): Promise<[number, number][]> {
  const { sections, index } = await inspectTable(new MemorySource(object));
  if (sections === undefined || index === undefined) throw new Error('the specimen is whole');
  const ends: [number, number][] = [];
  for (let at = 0; at < index.count; at++) ends.push([index.start(at), index.start(at) + index.length(at)]);
  let end = sections.dataBytes;
  for (const bytes of [sections.filterBytes, sections.indexBytes, sections.factsBytes, 26]) {
    ends.push([end, end + bytes]);
    end += bytes;
  }
  // The magic has none.
  ends.push([end, end + 8]);
  return ends;
}

describe('a table', () => {
  it('of a newer version is refused as such, also by an inspection', async () => {
    const newer = Buffer.from(raw.object);
    newer.writeUInt16BE(2, newer.length - 14);
    const source = new MemorySource(newer);
    const refused = { code: 'unsupported-format', message: expect.stringMatching(/the-table has format version 2/) };
    await expect(openTable(source, raw.info, new BlockCache(0))).rejects.toMatchObject(refused);
    await expect(readTableFacts(source)).rejects.toMatchObject(refused);
    await expect(inspectTable(source)).rejects.toMatchObject(refused);
  });

  it('that is not the one that was meant is refused', async () => {
    for (const wrong of [
      { entries: 7 },
      { tombstones: 0 },
      { smallest: 'a' },
      { largest: 'd' },
      { oldest: 1 },
      { newest: 701 },
      { sizeBytes: 5 },
    ]) {
      const info = { ...raw.info, ...wrong };
      const source = new MemorySource(raw.object);
      const error = await failure(openTable(source, info, new BlockCache(0)));
      const [field, expected] = Object.entries(wrong)[0] as [string, string | number];
      expect(error).toMatchObject({ code: 'corrupt-object', context: { key: source.key, expected } });
      expect(String(error)).toContain(field);
      expect((await inspectTable(source, info)).findings).toMatchObject([{ part: 'table', expected }]);
    }
  });

  it('notices a block that is whole but another one', async () => {
    const same = [0, 1, 2].map((at) => ({ key: `k${at}`, sequence: 1, value: seededRandom(at).bytes(200) }));
    const { object, info } = buildTable(same, { ...smallRules, compression: 'none', blockBytes: 1 });
    const swapped = Buffer.from(object);
    const length = (await inspectTable(new MemorySource(object))).index?.length(0) as number;
    object.copy(swapped, 0, length, 2 * length);
    const table = await openTable(new MemorySource(swapped), info, new BlockCache(0));
    await expect(table.find('k0', 1)).rejects.toMatchObject({ code: 'corrupt-object' });
    await expect(walk(table.cursor())).rejects.toMatchObject({ code: 'corrupt-object' });
  });

  it('tells of a damaged block the place and both checksums, and dumps the rest', async () => {
    const source = new MemorySource(flipped(raw.object, raw.object.indexOf('green'), 0));
    const table = await openTable(source, raw.info, new BlockCache(0));
    const refused = {
      code: 'corrupt-object',
      context: {
        key: source.key,
        start: 0,
        expected: expect.stringMatching(/^0x/),
        actual: expect.stringMatching(/^0x/),
      },
    };
    await expect(table.find('apple', 12)).rejects.toMatchObject(refused);
    const cursor = table.cursor();
    await expect(cursor.first()).rejects.toMatchObject(refused);
    expect(cursor.valid).toBe(false);
    expect(await table.find('cherry', 5)).toMatchObject({ sequence: 5 });

    const blocks = await Array.fromAsync(inspectBlocks(source));
    expect(blocks.length).toBeGreaterThan(1);
    expect(blocks[0]).toMatchObject({ at: 0, trusted: false, findings: [{ part: 'block 0', start: 0 }] });
    // Flipping a bit of a value leaves the block readable, so it is shown, marked.
    expect(blocks.flatMap((block) => block.versions.map(({ key }) => key))).toEqual(versions.map(({ key }) => key));
    expect(blocks.slice(1).every(({ trusted }) => trusted)).toBe(true);
    const { counted, findings } = await inspectTable(source);
    expect(counted.blocks).toBe(blocks.length - 1);
    expect(findings).toHaveLength(1);
  });
});
