import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../../src/engine/base/checksum.ts';
import { hasCode } from '../../../../src/engine/base/errors.ts';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import type { Block } from '../../../../src/engine/lsm/block/block.ts';
import { BlockBuilder } from '../../../../src/engine/lsm/block/block-builder.ts';
import { BlockCursor } from '../../../../src/engine/lsm/block/block-cursor.ts';
import { openBlock } from '../../../../src/engine/lsm/block/open-block.ts';
import {
  blockTrailerBytes,
  payloadBytesMax,
  sealBlock,
  unsealBlock,
} from '../../../../src/engine/lsm/block/sealed-block-format.ts';
import { keyFromBytes, type Version } from '../../../../src/engine/lsm/core/row.ts';
import { compareVersions } from '../sst/table-specimens.ts';

const key = 'the/key';
const range = (bytes: Buffer) => ({ key, start: 1000, length: bytes.length });
const refused = expect.objectContaining({
  code: 'corrupt-object',
  context: expect.objectContaining({ key, start: 1000 }),
});

function payloadOf(versions: readonly Version[], restartInterval = 3): Buffer {
  const builder = new BlockBuilder(restartInterval, 100);
  for (const { key, sequence, value } of versions) builder.add(key, sequence, value);
  expect(builder.entries).toBe(versions.length);
  const stated = builder.payloadBytes;
  const payload = Buffer.from(builder.finish());
  expect(payload.length).toBe(stated);
  return payload;
}

function contents(block: Block, direction: 'forward' | 'backward' = 'forward'): Version[] {
  const cursor = new BlockCursor();
  cursor.reset(block);
  const versions: Version[] = [];
  const take = () => {
    const { key, sequence, deleted } = cursor;
    versions.push({ key, sequence, value: deleted ? undefined : cursor.value() });
  };
  if (direction === 'forward') for (cursor.first(); cursor.valid; cursor.next()) take();
  else for (cursor.last(); cursor.valid; cursor.previous()) take();
  return versions;
}

/** Few letters and few lengths, so that keys share much, repeat, and are beginnings of one another. */
const arbitraryVersions = fc
  .array(
    fc.record({
      key: fc
        .array(fc.constantFrom(0, 1, 97, 98, 128, 255), { minLength: 1, maxLength: 12 })
        .map((bytes) => keyFromBytes(Uint8Array.from(bytes))),
      sequence: fc.oneof(fc.nat(20), fc.maxSafeNat()),
      value: fc.option(
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        { nil: undefined },
      ),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((versions) => versions.toSorted(compareVersions))
  .map((versions) => versions.filter((one, at) => at === 0 || compareVersions(versions[at - 1] as Version, one) < 0));

const few: Version[] = [
  { key: 'ab', sequence: 900, value: Buffer.from('nine hundred') },
  { key: 'ab', sequence: 5, value: undefined },
  { key: 'abc', sequence: 1, value: Buffer.alloc(0) },
  { key: 'abd', sequence: 2 ** 53 - 1, value: Buffer.from('far') },
  { key: 'b', sequence: 0, value: Buffer.from('zero') },
];

describe('a block', () => {
  it('has what was put in, in both directions, whatever it is and wherever restart points are', () => {
    fc.assert(
      fc.property(arbitraryVersions, fc.integer({ min: 1, max: 20 }), (versions, restartInterval) => {
        const payload = payloadOf(versions, restartInterval);
        const block = openBlock(payload, range(payload));
        expect(contents(block)).toEqual(versions);
        expect(contents(block, 'backward')).toEqual(versions.toReversed());
        const cursor = new BlockCursor();
        cursor.reset(block);
        for (const version of versions) {
          for (const [soughtKey, sequence] of [
            [version.key, version.sequence],
            [version.key, version.sequence - 1],
            [`${version.key}\x00`, 7],
            [version.key.slice(0, -1), 3],
          ] as const) {
            const sought = { key: soughtKey, sequence };
            const at = versions.findIndex((one) => compareVersions(one, sought) >= 0);
            const next = versions[at < 0 ? versions.length : at];
            const found = next?.key === soughtKey ? { sequence: next.sequence, value: next.value } : undefined;
            expect(block.find(soughtKey, sequence)).toEqual(found);
            cursor.seek(soughtKey, sequence);
            expect(cursor.valid ? [cursor.key, cursor.sequence] : undefined).toEqual(next && [next.key, next.sequence]);
            const before = versions[(at < 0 ? versions.length : at) - 1];
            cursor.seekBefore(soughtKey, sequence);
            expect(cursor.valid ? [cursor.key, cursor.sequence] : undefined).toEqual(
              before && [before.key, before.sequence],
            );
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is walked to and fro from wherever a seek ends', () => {
    fc.assert(
      fc.property(arbitraryVersions, fc.integer({ min: 1, max: 5 }), (versions, restartInterval) => {
        const payload = payloadOf(versions, restartInterval);
        const cursor = new BlockCursor();
        cursor.reset(openBlock(payload, range(payload)));
        const place = () => (cursor.valid ? [cursor.key, cursor.sequence] : undefined);
        const placeOf = (version: Version | undefined) => version && [version.key, version.sequence];
        for (const [at, { key, sequence }] of versions.entries()) {
          for (const steps of [1, 2, 7]) {
            cursor.seek(key, sequence);
            let expected = at;
            for (let step = 0; step < steps && cursor.valid; step++, expected++) cursor.next();
            expect(place()).toEqual(placeOf(versions[expected]));
            for (let step = 0; step < 2 * steps && cursor.valid; step++, expected--) cursor.previous();
            expect(place()).toEqual(placeOf(versions[expected]));
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('has a restart point every 256 entries at least, or is refused', () => {
    const versions = Array.from({ length: 300 }, (_, at): Version => {
      return { key: String(at).padStart(4, '0'), sequence: at, value: Buffer.from('x') };
    });
    const payload = payloadOf(versions, 1000);
    expect(contents(openBlock(payload, range(payload)))).toEqual(versions);
    const tailAt = payload.length - 12;
    expect(payload.readUInt32BE(tailAt)).toBe(2);
    const without = Buffer.concat([payload.subarray(0, tailAt - 4), payload.subarray(tailAt)]);
    without.writeUInt32BE(1, tailAt - 4);
    expect(() => openBlock(without, range(without))).toThrow(refused);
  });

  it('that was damaged behind its checksum is refused or still in order, and nothing leaves its bounds', () => {
    const payload = payloadOf(few);
    for (let at = 0; at < payload.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(payload);
        damaged[at] = (damaged[at] as number) ^ (1 << bit);
        readableOrRefused(damaged);
      }
    }
  });

  it('of noise is refused or in order', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => readableOrRefused(Buffer.from(noise))));
    const random = seededRandom(3);
    const payload = payloadOf(few, 2);
    for (let round = 0; round < 3000; round++) {
      const damaged = Buffer.from(payload.subarray(0, payload.length - Math.floor(random.fraction() * 3)));
      for (let times = 0; times < 3; times++) {
        damaged[Math.floor(random.fraction() * damaged.length)] = Math.floor(random.fraction() * 256);
      }
      readableOrRefused(damaged);
    }
  });
});

function readableOrRefused(payload: Buffer): void {
  let block: Block;
  try {
    block = openBlock(payload, range(payload));
  } catch (error) {
    expect(hasCode(error, 'corrupt-object'), String(error)).toBe(true);
    return;
  }
  const versions = contents(block);
  expect(versions).toHaveLength(block.entries);
  expect(contents(block, 'backward')).toEqual(versions.toReversed());
  versions.forEach((version, at) => {
    if (at > 0) expect(compareVersions(versions[at - 1] as Version, version)).toBeLessThan(0);
    expect(version.key.length).toBeGreaterThan(0);
    expect(Number.isSafeInteger(version.sequence)).toBe(true);
    expect(block.find(version.key, version.sequence)).toEqual({ sequence: version.sequence, value: version.value });
  });
}

describe('a sealed block', () => {
  const roomy = Buffer.from('compressible '.repeat(50));

  it('is compressed where that helps, and unsealed to what it was', () => {
    const noise = seededRandom(1).bytes(500);
    for (const [payload, how, expected] of [
      [roomy, 'zstd', 'zstd'],
      [roomy, 'none', 'none'],
      [noise, 'zstd', 'none'],
      [Buffer.alloc(0), 'zstd', 'none'],
    ] as const) {
      const sealed = sealBlock(payload, how);
      expect(unsealBlock(sealed, range(sealed))).toEqual({ payload, compression: expected });
      expect(sealed.length).toBeLessThanOrEqual(payload.length + blockTrailerBytes);
    }
  });

  it('shows every flipped bit with both checksums', () => {
    const sealed = sealBlock(roomy, 'zstd');
    for (let at = 0; at < sealed.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(sealed);
        damaged[at] = (damaged[at] as number) ^ (1 << bit);
        expect(() => unsealBlock(damaged, range(sealed))).toThrow(refused);
      }
    }
  });

  it('is refused when it was cut, or is longer than the index says', () => {
    const sealed = sealBlock(roomy, 'zstd');
    for (let length = 0; length < sealed.length; length++) {
      const cut = sealed.subarray(0, length);
      expect(() => unsealBlock(cut, range(cut))).toThrow(refused);
      expect(() => unsealBlock(cut, range(sealed))).toThrow(refused);
    }
  });

  it('is not believed when it claims more than there can be, or another length than it has', () => {
    const forge = (body: Buffer, compression: number, length: number): Buffer => {
      const sealed = Buffer.concat([body, Buffer.from([compression]), Buffer.alloc(8)]);
      sealed.writeUInt32BE(length, body.length + 1);
      sealed.writeUInt32BE(crc32c(sealed.subarray(0, sealed.length - 4)), sealed.length - 4);
      return sealed;
    };
    const frame = zstdCompressSync(roomy);
    // A small frame that becomes far more than it says.
    const bomb = zstdCompressSync(Buffer.alloc(4 * payloadBytesMax));
    for (const forged of [
      forge(roomy, 0, roomy.length + 1),
      forge(roomy, 2, roomy.length),
      forge(roomy, 1, roomy.length),
      forge(frame, 1, payloadBytesMax + 1),
      forge(frame, 1, 0xffff_ffff),
      forge(frame, 1, roomy.length - 1),
      forge(frame, 1, roomy.length + 1),
      forge(frame, 1, 0),
      forge(bomb, 1, 100),
      forge(bomb, 1, payloadBytesMax),
    ]) {
      expect(() => unsealBlock(forged, range(forged))).toThrow(refused);
    }
    const right = forge(frame, 1, roomy.length);
    expect(unsealBlock(right, range(right)).payload).toEqual(roomy);
  });

  it.each(['none', 'zstd'] as const)('that is kept does not keep what it was fetched with or made in, %s', (how) => {
    const sealed = sealBlock(roomy, how);
    const chunk = Buffer.alloc(1024 * 1024);
    sealed.copy(chunk, 5000);
    const { payload } = unsealBlock(chunk.subarray(5000, 5000 + sealed.length), range(sealed));
    expect(payload).toEqual(roomy);
    expect(payload.buffer.byteLength).toBe(roomy.length);
  });
});
