import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { incarnation, term } from '../../../src/engine/base/ids.ts';
import { decodeRecordedManifest, encodeRecordedManifest } from '../../../src/engine/domain/recorded-manifest-format.ts';

const specimen = {
  ref: {
    name: { incarnation: incarnation(2), term: term(7), number: 41 },
    sizeBytes: 1234,
    crc: 0xdeadbeef,
  },
  prefix: '11111111-2222-4333-8444-555555555555/domain/groups/0/',
};
const whole = encodeRecordedManifest(specimen);

it('gives back what was encoded', () => {
  const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const u32 = fc.nat({ max: 0xffff_ffff });
  const prefix = fc.string({ unit: 'binary', maxLength: 300 });
  fc.assert(
    fc.property(number, u32, number, number, u32, prefix, (owner, of, count, sizeBytes, crc, below) => {
      const name = { incarnation: incarnation(owner), term: term(of), number: count };
      const recorded = { ref: { name, sizeBytes, crc }, prefix: below };
      expect(decodeRecordedManifest(encodeRecordedManifest(recorded), 'test')).toEqual(recorded);
    }),
  );
});

it('refuses one that is cut, longer, or changed anywhere', () => {
  for (let length = 0; length < whole.length; length++) {
    expect(() => decodeRecordedManifest(whole.subarray(0, length), 'test')).toThrow();
  }
  expect(() => decodeRecordedManifest(Buffer.concat([whole, Buffer.of(0)]), 'test')).toThrow();
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const damaged = Buffer.from(whole);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(() => decodeRecordedManifest(damaged, 'test')).toThrow();
  }
});

it('names a newer version', () => {
  const newer = Buffer.from(whole);
  newer.writeUInt16BE(2, 4);
  expect(() => decodeRecordedManifest(newer, 'the snapshot')).toThrow('the snapshot has format version 2');
});

it('is byte for byte what it always was', () => {
  const golden = readFileSync(new URL('../../golden/recorded-manifest-v1.hex', import.meta.url), 'utf8');
  const bytes = golden.replaceAll(/#.*$/gm, '').replaceAll(/\s+/g, '');
  expect(whole.toString('hex')).toBe(bytes);
  expect(decodeRecordedManifest(Buffer.from(bytes, 'hex'), 'golden')).toEqual(specimen);
});
