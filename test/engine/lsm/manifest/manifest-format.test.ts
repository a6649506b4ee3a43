// The bytes of manifests: round trips, the golden specimen, damage of every kind, and content that no writer writes.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../../src/engine/base/checksum.ts';
import { EngineError } from '../../../../src/engine/base/errors.ts';
import { keyFromBytes } from '../../../../src/engine/lsm/core/row.ts';
import type { Manifest } from '../../../../src/engine/lsm/manifest/manifest.ts';
import { decodeManifest, encodeManifest } from '../../../../src/engine/lsm/manifest/manifest-format.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';
import { manifestSpecimen, nameOf, tableOf } from './manifest-specimen.ts';

const damage = (key: string) =>
  expect.objectContaining({ code: 'corrupt-object', message: expect.stringContaining(key) });

/** With a right checksum, whatever was done to it. */
function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(12), crc32c(bytes.subarray(0, 8))), 8);
  return bytes;
}

describe('a manifest', () => {
  it('comes back as it was written', () => {
    expect(decodeManifest(encodeManifest(manifestSpecimen), 'key')).toEqual(manifestSpecimen);
    const empty: Manifest = { ...manifestSpecimen, coveredIndex: 0, levels: [] };
    expect(decodeManifest(encodeManifest(empty), 'key')).toEqual(empty);
    const longKeys = tableOf([1, 1, 1], { smallest: '\0'.repeat(4096), largest: '\xff'.repeat(4096) });
    const wide: Manifest = { ...manifestSpecimen, levels: [[longKeys], [], []] };
    expect(decodeManifest(encodeManifest(wide), 'key')).toEqual(wide);
  });

  it('with any tables comes back as it was written', () => {
    const count = fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 });
    const keys = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 20 }).map(keyFromBytes), {
      minLength: 2,
      maxLength: 40,
    });
    const facts = fc.record({ sizeBytes: count, entries: count, newest: count, tombstones: fc.nat() });
    fc.assert(
      fc.property(keys, facts, fc.integer({ min: 1, max: 8 }), fc.string(), (unsorted, numbers, levelCount, text) => {
        const sorted = [...unsorted].sort();
        const levels: TableInfo[][] = Array.from({ length: levelCount }, () => []);
        for (let at = 0; at + 1 < sorted.length; at += 2) {
          const entries = numbers.entries + 1;
          const table = tableOf([1, 3, at], {
            smallest: sorted[at] as string,
            largest: sorted[at + 1] as string,
            sizeBytes: numbers.sizeBytes + 1,
            entries,
            newest: numbers.newest + 1,
            tombstones: Math.min(entries, numbers.tombstones),
          });
          levels[at % levelCount]?.push(table);
        }
        const manifest: Manifest = {
          ...manifestSpecimen,
          prefix: `${text.toWellFormed()}/`,
          nextTableNumber: 1000,
          coveredIndex: numbers.newest + 1,
          levels,
        };
        expect(decodeManifest(encodeManifest(manifest), 'key')).toEqual(manifest);
      }),
    );
  });

  it('is byte for byte the golden specimen that the format page shows', () => {
    const golden = readFileSync(new URL('../../../golden/manifest-v1.hex', import.meta.url), 'utf8');
    const hex = golden.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, '');
    expect(encodeManifest(manifestSpecimen).toString('hex')).toBe(hex);
    expect(decodeManifest(Buffer.from(hex, 'hex'), 'golden')).toEqual(manifestSpecimen);
    const page = readFileSync(new URL('../../../../docs/formats/manifest.md', import.meta.url), 'utf8');
    expect(page).toContain(golden.trim());
  });

  it('is refused, by name, when it was cut anywhere or has bytes too many', () => {
    const bytes = encodeManifest(manifestSpecimen);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeManifest(bytes.subarray(0, length), 'the/key'), `${length} bytes`).toThrow(damage('the/key'));
    }
    expect(() => decodeManifest(Buffer.concat([bytes, Buffer.alloc(1)]), 'the/key')).toThrow(damage('the/key'));
  });

  it('shows every flipped bit, as damage', () => {
    const bytes = encodeManifest(manifestSpecimen);
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] as number) ^ (1 << bit);
        expect(() => decodeManifest(damaged, 'the/key'), `byte ${at}, bit ${bit}`).toThrow(damage('the/key'));
      }
    }
  });

  it('names the expected and the found checksum', () => {
    const bytes = encodeManifest(manifestSpecimen);
    const expected = bytes.toString('hex', 8, 12);
    bytes[40] = (bytes[40] as number) ^ 1;
    expect(() => decodeManifest(bytes, 'key')).toThrow(
      expect.objectContaining({ context: expect.objectContaining({ key: 'key', expected }) }),
    );
  });

  it('of a newer version is refused as such', () => {
    const bytes = encodeManifest(manifestSpecimen);
    bytes[12] = 2;
    expect(() => decodeManifest(sealed(bytes), 'the/key')).toThrow(
      expect.objectContaining({ code: 'unsupported-format', message: expect.stringContaining('the/key') }),
    );
  });

  it('believes no length, however right the checksum is', () => {
    const bytes = encodeManifest(manifestSpecimen);
    for (let at = 13; at < bytes.length; at++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        try {
          const read = decodeManifest(sealed(changed), 'key');
          expect(encodeManifest(read).equals(changed), `byte ${at} = ${value}`).toBe(true);
        } catch (error) {
          expect(error, `byte ${at} = ${value}`).toBeInstanceOf(EngineError);
          expect(error).toMatchObject({ code: 'corrupt-object' });
        }
      }
    }
  });

  it('never makes anything but an EngineError of noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const bytes = Buffer.concat([Buffer.from('CTLSMMF\n\0\0\0\0\x01', 'latin1'), noise]);
        expect(() => decodeManifest(sealed(bytes), 'key')).toThrow(EngineError);
      }),
    );
  });
});

describe('what no manifest says', () => {
  const table = (facts: Partial<TableInfo>) => ({ levels: [[], [tableOf([1, 1, 1], facts)]] });
  const cases: [string, Partial<Manifest>, RegExp][] = [
    ['a prefix that is none', { prefix: 'cluster/domain/control' }, /does not end with/],
    ['settled tables that are not there yet', { settledTableNumber: 10 }, /settled table number 10 is above/],
    ['a table of no bytes', table({ sizeBytes: 0 }), /has 0 bytes/],
    ['a table of nothing', table({ entries: 0 }), /has 0 entries/],
    ['more tombstones than entries', table({ tombstones: 2 }), /has 2 tombstones/],
    ['an empty key', table({ smallest: '' }), /smallest key of 0 bytes/],
    ['a key that is too long', table({ largest: 'x'.repeat(4097) }), /largest key of 4097 bytes/],
    ['keys the wrong way round', table({ smallest: 'c' }), /smallest key above its largest/],
    ['sequences the wrong way round', table({ oldest: 5, newest: 4 }), /sequences from 5 to 4/],
    ['a sequence that is none', table({ oldest: 0 }), /sequences from 0/],
    ['a sequence above what is covered', table({ newest: 901 }), /above the covered index 900/],
    ['a number that was not given away yet', { levels: [[tableOf([1, 1, 9])]] }, /not below the next table number 9/],
    ['a table of a later term', { levels: [[tableOf([1, 4, 1])]] }, /later term/],
    ['a table of a later incarnation', { levels: [[tableOf([2, 1, 1])]] }, /later term/],
    [
      'a table twice',
      { levels: [[tableOf([1, 1, 1])], [], [tableOf([1, 1, 1])]] },
      /0000000001-0000000001-0000000000000001 in level 2 is there twice/,
    ],
    [
      'an older table before a newer one that has the same keys',
      { levels: [[tableOf([1, 1, 1], { newest: 5 }), tableOf([1, 1, 2], { oldest: 4, newest: 9 })]] },
      /level 0 table .*1 stands before .*2/,
    ],
    [
      'tables out of order',
      { levels: [[], [tableOf([1, 1, 1], { smallest: 'b' }), tableOf([1, 1, 2], { largest: 'a' })]] },
      /level 1 tables .* out of order/,
    ],
    [
      'tables that share a key',
      { levels: [[], [], [tableOf([1, 1, 1]), tableOf([1, 1, 2], { smallest: 'b' })]] },
      /level 2 tables .* overlap/,
    ],
  ];

  it.each(cases)('%s: neither written nor read', (_, change, problem) => {
    const wrong = { ...manifestSpecimen, ...change };
    expect(() => encodeManifest(wrong)).toThrow(
      expect.objectContaining({ code: 'bug', message: expect.stringMatching(problem) }),
    );
  });

  it('is found on reading too', () => {
    // Two tables of level 2 change places: the checksum is right, the order is not.
    const [zero = [], one = [], two = []] = manifestSpecimen.levels;
    const alone = (levels: Manifest['levels']) => encodeManifest({ ...manifestSpecimen, levels });
    const both = alone([zero, one, two]);
    const head = alone([zero, one, []]).length;
    const first = both.subarray(head, head + alone([zero, one, two.slice(0, 1)]).length - head);
    const second = both.subarray(head + first.length);
    const swapped = sealed(Buffer.concat([both.subarray(0, head), second, first]));
    expect(() => decodeManifest(swapped, 'the/key')).toThrow(
      expect.objectContaining({ code: 'corrupt-object', message: expect.stringMatching(/the\/key.*out of order/) }),
    );
  });

  it('level 0 may hold older tables behind newer ones, and tables of one flush beside each other', () => {
    const newer = tableOf([1, 2, 3], { oldest: 10, newest: 20 });
    const older = tableOf([1, 2, 2], { oldest: 1, newest: 9 });
    const beside = tableOf([1, 2, 1], { oldest: 5, newest: 20, smallest: 'x', largest: 'y' });
    const manifest = { ...manifestSpecimen, name: nameOf([1, 3, 1]), levels: [[newer, older, beside]] };
    expect(decodeManifest(encodeManifest(manifest), 'key')).toEqual(manifest);
  });
});
