import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  changeBytes,
  decodeEntry,
  decodeRowSnapshot,
  encodeEntry,
  entryHeaderBytes,
} from '../../../src/engine/domain/domain-entry-format.ts';
import { encodeRowSnapshot } from './row-snapshot.ts';

const writeId = '01234567-89ab-4def-8123-456789abcdef';
const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
const bytes = fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value));
const changes = fc.array(fc.record({ key, value: fc.option(bytes, { nil: undefined }) }), { maxLength: 10 });

it('gives back what was encoded, and knows its length beforehand', () => {
  fc.assert(
    fc.property(changes, (list) => {
      const encoded = encodeEntry({ writeId, changes: list });
      expect(decodeEntry(encoded, 'test')).toEqual({ writeId, changes: list });
      expect(encoded.length).toBe(list.reduce((sum, change) => sum + changeBytes(change), entryHeaderBytes));
    }),
  );
});

it('gives back a snapshot', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ key, value: bytes })), (rows) => {
      expect(decodeRowSnapshot(encodeRowSnapshot(rows), 'test')).toEqual(rows);
    }),
  );
});

const entry = encodeEntry({
  writeId,
  changes: [
    { key: 'topic/a', value: Buffer.from('one') },
    { key: 'b', value: undefined },
  ],
});
const snapshot = encodeRowSnapshot([{ key: 'topic/a', value: Buffer.from('one') }]);

it.each([
  ['entry', entry, decodeEntry],
  ['snapshot', snapshot, decodeRowSnapshot],
] as const)('refuses an %s that is cut or changed anywhere', (_, whole, decode) => {
  for (let length = 0; length < whole.length; length++) {
    expect(() => decode(whole.subarray(0, length), 'test')).toThrow();
  }
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const damaged = Buffer.from(whole);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(() => decode(damaged, 'test')).toThrow();
  }
});

it('names a newer version', () => {
  const newer = Buffer.from(entry);
  newer.writeUInt16BE(2, 4);
  expect(() => decodeEntry(newer, 'entry 7')).toThrow('entry 7 has format version 2');
});

it('is byte for byte what it always was', () => {
  const golden = readFileSync(new URL('../../golden/domain-entry-v1.txt', import.meta.url), 'utf8');
  expect(`entry\n  ${entry.toString('hex')}\nsnapshot\n  ${snapshot.toString('hex')}\n`).toBe(golden);
});
