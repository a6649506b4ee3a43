import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { clusterEpoch, incarnation, offset, term, timestampMs } from '../../../src/engine/base/ids.ts';
import { CommittedState } from '../../../src/engine/partition/committed-state.ts';
import {
  decodePartitionSnapshot,
  encodePartitionSnapshot,
} from '../../../src/engine/partition/partition-snapshot-format.ts';
import {
  decodePartitionEntry,
  encodePartitionEntry,
  type PartitionEntry,
} from '../../../src/engine/partition/placeholder-format.ts';
import { emptyIndex, emptyProducers, entrySpecimen, stateSpecimen } from './partition-log-specimen.ts';

const golden = (name: string) =>
  readFileSync(new URL(`../../golden/${name}.hex`, import.meta.url), 'utf8')
    .replaceAll(/#.*$/gm, '')
    .replaceAll(/\s/g, '');

const u31 = fc.integer({ min: 0, max: 0x7fff_ffff });
const batch = fc
  .record({
    base: fc.maxSafeNat(),
    delta: fc.nat(1000),
    term: u31,
    attempt: u31,
    place: u31,
    id: fc.maxSafeNat(),
    sequence: u31,
  })
  .map((one) => ({
    stamp: { incarnation: incarnation(1), term: term(one.term), attempt: one.attempt },
    baseOffset: offset(Math.max(0, one.base - 1000)),
    lastOffset: offset(Math.max(0, one.base - 1000) + one.delta),
    position: one.place,
    length: one.place,
    producerId: one.id,
    producerEpoch: -1,
    baseSequence: one.sequence,
    attributes: 4,
    maxTimestamp: timestampMs(-1),
  }));
const entry: fc.Arbitrary<PartitionEntry> = fc.oneof(
  fc.maxSafeNat().map((at) => ({ kind: 'log-start' as const, logStartOffset: offset(at) })),
  fc.maxSafeNat().map((at) => ({ kind: 'reconciled' as const, reconciledEnd: offset(at) })),
  fc.array(fc.array(batch, { maxLength: 5 }), { maxLength: 4 }).map((shares) => ({
    kind: 'placeholders' as const,
    appendedAtMs: timestampMs(1),
    shares: shares.map((batches) => ({
      object: {
        id: { shard: 999, epoch: clusterEpoch(5), name: '018bcfe5-6800-7000-8000-000000000000' },
        sizeBytes: 77,
      },
      batches,
    })),
  })),
);

describe('an entry of a partition’s log', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(entry, (one) => {
        expect(decodePartitionEntry(encodePartitionEntry(one), 'x')).toEqual(one);
      }),
    );
  });

  it('is refused when cut anywhere, and when something follows', () => {
    fc.assert(
      fc.property(entry, (one) => {
        const bytes = encodePartitionEntry(one);
        for (let length = 0; length < bytes.length; length++) {
          expect(() => decodePartitionEntry(bytes.subarray(0, length), 'x')).toThrow(EngineError);
        }
        expect(() => decodePartitionEntry(Buffer.concat([bytes, Buffer.of(0)]), 'x')).toThrow(/too many/);
      }),
      { numRuns: 20 },
    );
  });

  it('is byte for byte the golden specimen that the format page shows', () => {
    expect(encodePartitionEntry(entrySpecimen).toString('hex')).toBe(golden('partition-entry-v1'));
    expect(decodePartitionEntry(Buffer.from(golden('partition-entry-v1'), 'hex'), 'golden')).toEqual(entrySpecimen);
  });

  it('is the worked example of the format page', () => {
    expect(encodePartitionEntry({ kind: 'log-start', logStartOffset: offset(258) }).toString('hex')).toBe(
      '01020000000000000102',
    );
    expect(encodePartitionEntry({ kind: 'reconciled', reconciledEnd: offset(258) }).toString('hex')).toBe(
      '02030000000000000102',
    );
  });

  it('of a newer version, or an unknown kind, is refused by name', () => {
    expect(() => decodePartitionEntry(Buffer.from('0302', 'hex'), 'group#7')).toThrow(/group#7 has format version 3/);
    expect(() => decodePartitionEntry(Buffer.from('0202', 'hex'), 'group#7')).toThrow(/version 2 has unknown kind 2/);
    expect(() => decodePartitionEntry(Buffer.from('0109', 'hex'), 'group#7')).toThrow(
      /group#7 of version 1 has unknown kind 9/,
    );
  });
});

describe('a partition’s snapshot', () => {
  const decode = (bytes: Buffer) => {
    const state = new CommittedState(clusterEpoch(1));
    const extents = emptyIndex();
    const producers = emptyProducers();
    decodePartitionSnapshot(bytes, 'group', state, extents, producers);
    return { state, extents, producers };
  };
  const encode = () => {
    const { state, extents, producers } = stateSpecimen();
    return encodePartitionSnapshot(state, extents, producers);
  };

  it('is byte for byte the golden specimen, and holds the whole state', () => {
    expect(encode().toString('hex')).toBe(golden('partition-snapshot-v2'));
    const { state, extents, producers } = decode(Buffer.from(golden('partition-snapshot-v2'), 'hex'));
    expect(state).toEqual(stateSpecimen().state);
    expect(extents.segments).toEqual(stateSpecimen().extents.segments);
    expect(producers.check({ producerId: 7, producerEpoch: 0, baseSequence: 1, count: 2 })).toEqual({
      kind: 'committed-duplicate',
      baseOffset: 1,
    });
  });

  it('of version 1 is read: nothing was reconciled then', () => {
    const { state, extents } = decode(Buffer.from(golden('partition-snapshot-v1'), 'hex'));
    expect(state).toMatchObject({ nextOffset: 3, reconciledEnd: 0, appliedEpoch: 5, previousEpoch: 5 });
    expect(extents.segments).toEqual(stateSpecimen().extents.segments);
  });

  it('shows every flipped bit and every cut', () => {
    const bytes = encode();
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 4;
      expect(() => decode(damaged), `byte ${at}`).toThrow(EngineError);
      expect(() => decode(bytes.subarray(0, at)), `cut at ${at}`).toThrow(EngineError);
    }
  });
});
