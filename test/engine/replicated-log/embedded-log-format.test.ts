import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeEntry,
  decodeGroup,
  decodeHeader,
  decodeMeta,
  decodeRemoval,
  decodeSnapshotChunk,
  decodeSnapshotHeader,
  encodeEntry,
  encodeGroup,
  encodeHeader,
  encodeMeta,
  encodeRemoval,
  encodeSnapshot,
  entryKey,
  entryOverheadBytes,
  groupKey,
  headerKey,
  indexOfEntryKey,
  metaKey,
  removalKey,
  snapshotChunkBytes,
  snapshotChunks,
  snapshotKey,
} from '../../../src/engine/replicated-log/embedded-log-format.ts';

const entryOf = (group: number, index: number, term: number, bytes: Uint8Array): Buffer => {
  const value = Buffer.alloc(entryOverheadBytes + bytes.length);
  encodeEntry(entryKey(group, index), term, bytes, value);
  return value;
};

const header = { identity: '9a8b7c6d-1111-4222-8333-0123456789ab', nextGroup: 8, highestRemovedTerm: 5 };
const group = { name: 'partition/3f2c1a00-5b1e-4c39-9d0e-0123456789ab/0', term: 3, first: 1001 };
const entry = entryOf(7, 1001, 3, Buffer.from('placeholder'));
const [snapshotHeader, snapshotChunk] = encodeSnapshot(7, 1000, Buffer.from('state')) as [Buffer, Buffer];
const meta = encodeMeta(metaKey('owner'), '{"recorded":1}');
const removal = encodeRemoval(7, 1001, 1500);

const specimens: readonly (readonly [string, Buffer, Buffer, (value: Buffer) => unknown])[] = [
  ['header', headerKey, encodeHeader(header), decodeHeader],
  ['group record', groupKey(7), encodeGroup(7, group), (value) => decodeGroup(7, value)],
  ['snapshot header', snapshotKey(7, 0), snapshotHeader, (value) => decodeSnapshotHeader('g', 7, value)],
  ['snapshot chunk', snapshotKey(7, 1), snapshotChunk, (value) => decodeSnapshotChunk('g', 7, 1, value)],
  ['meta', metaKey('owner'), meta, (value) => decodeMeta(metaKey('owner'), value)],
  ['removal', removalKey(7), removal, (value) => decodeRemoval(7, value)],
  ['entry', entryKey(7, 1001), entry, (value) => decodeEntry('g', entryKey(7, 1001), value)],
];

it('is byte for byte what it always was', () => {
  const dump = specimens.map(
    ([name, key, value]) => `${name}\n  key   ${key.toString('hex')}\n  value ${value.toString('hex')}\n`,
  );
  const golden = readFileSync(new URL('../../golden/embedded-log-v1.txt', import.meta.url), 'utf8');
  expect(dump.join('')).toBe(golden);
});

it('reads what it wrote', () => {
  expect(specimens.map(([, , value, decode]) => decode(value))).toEqual([
    header,
    group,
    { index: 1000, length: 5 },
    Buffer.from('state'),
    '{"recorded":1}',
    { first: 1001, end: 1500 },
    { term: 3, bytes: Buffer.from('placeholder') },
  ]);
});

describe.each(specimens)('%s', (_, __, whole, decode) => {
  it('is refused when it is cut anywhere', () => {
    for (let length = 0; length < whole.length; length++) expect(() => decode(whole.subarray(0, length))).toThrow();
  });

  it('is refused when any bit is flipped', () => {
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => decode(damaged), `bit ${bit}`).toThrow();
    }
  });
});

it('does not take the bytes of one place for those of another', () => {
  expect(() => decodeEntry('g', entryKey(7, 1002), entry)).toThrow('entry 1002 of g does not match its checksum');
  expect(() => decodeGroup(8, encodeGroup(7, group))).toThrow('does not match its checksum');
});

it('names a newer version before it judges the checksum', () => {
  const newer = encodeHeader(header);
  newer.writeUInt16BE(2, 8);
  expect(() => decodeHeader(newer)).toThrow('the local log has format version 2');
});

it('orders keys by type, group and index', () => {
  const index = fc.integer({ min: 0, max: 2 ** 48 - 1 });
  const number = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(number, index, number, index, (group, at, otherGroup, otherAt) => {
      const order = Math.sign(Buffer.compare(entryKey(group, at), entryKey(otherGroup, otherAt)));
      expect(order).toBe(Math.sign(group - otherGroup || at - otherAt));
      expect(indexOfEntryKey(entryKey(group, at))).toBe(at);
    }),
  );
});

it('cuts snapshots into chunks and counts them', () => {
  for (const length of [0, 1, snapshotChunkBytes, snapshotChunkBytes + 1, 3 * snapshotChunkBytes]) {
    const values = encodeSnapshot(1, 1, Buffer.alloc(length, 'x'));
    expect(values.length - 1).toBe(snapshotChunks(length));
  }
});
