import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import {
  clusterEpoch,
  incarnation,
  noStamp,
  offset,
  type Stamp,
  term,
  timestampMs,
  topicId,
} from '../../../src/engine/base/ids.ts';
import { formatL0Key, parseL0Key } from '../../../src/engine/l0/l0-key-format.ts';
import {
  batchHeaderCrc,
  decodeL0Object,
  encodeL0Footer,
  type L0Footer,
} from '../../../src/engine/l0/l0-object-format.ts';
import { makeBatch } from '../../support/record-batches.ts';

const clusterId = '11111111-1111-4111-8111-111111111111';
const stamp = (attempt: number): Stamp => ({ incarnation: incarnation(1), term: term(3), attempt });

/** Two batches of one partition, the second after a failed attempt. */
function specimen(): { object: Buffer; footer: L0Footer } {
  const batches = [
    makeBatch({ payload: 'hello' }),
    makeBatch({ payload: 'world!', count: 2, producerId: 7, producerEpoch: 0, baseSequence: 4 }),
  ];
  let position = 0;
  const entries = batches.map((bytes, at) => {
    const entry = {
      kind: 0,
      stamp: stamp(at),
      link: at === 0 ? noStamp : stamp(0),
      baseOffset: offset(at),
      lastOffset: offset(at + at),
      position,
      length: bytes.length,
      producerId: at === 0 ? -1 : 7,
      producerEpoch: at === 0 ? -1 : 0,
      baseSequence: at === 0 ? -1 : 4,
      count: at + 1,
      attributes: 0,
      maxTimestamp: timestampMs(1_700_000_000_000),
      headerCrc: batchHeaderCrc(bytes),
    };
    position += bytes.length;
    return entry;
  });
  const footer: L0Footer = {
    clusterId,
    sealedAtMs: 1_700_000_000_123,
    partitions: [
      {
        topicId: topicId('22222222-2222-4222-8222-222222222222'),
        index: 5,
        committedEnd: offset(0),
        logStart: offset(0),
        batches: entries,
      },
    ],
  };
  return { object: Buffer.concat([...batches, encodeL0Footer(footer)]), footer };
}

describe('an L0 object', () => {
  it('explains itself: the footer comes back as it was written', () => {
    const { object, footer } = specimen();
    expect(decodeL0Object(object, 'key')).toEqual(footer);
  });

  it('is byte for byte the golden specimen that the format page shows', () => {
    const golden = readFileSync(new URL('../../golden/l0-object-v1.hex', import.meta.url), 'utf8');
    const hex = golden.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, '');
    expect(specimen().object.toString('hex')).toBe(hex);
    expect(decodeL0Object(Buffer.from(hex, 'hex'), 'golden')).toEqual(specimen().footer);
  });

  it('is refused, by name, when it was cut anywhere', () => {
    const { object } = specimen();
    for (let length = 0; length < object.length; length++) {
      expect(() => decodeL0Object(object.subarray(0, length), 'the/key')).toThrow(/the\/key/);
    }
  });

  it('shows every flipped bit of footer and trailer', () => {
    const { object } = specimen();
    const bodyBytes = 66 + 67;
    for (let at = bodyBytes; at < object.length; at++) {
      // The two reserved bytes of the trailer carry nothing.
      if (at === object.length - 10 || at === object.length - 9) continue;
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(object);
        damaged[at] = (damaged[at] as number) ^ (1 << bit);
        expect(() => decodeL0Object(damaged, 'the/key'), `byte ${at}, bit ${bit}`).toThrow(EngineError);
      }
    }
  });

  it('of a newer format version is refused as such', () => {
    const { object } = specimen();
    object.writeUInt16BE(2, object.length - 12);
    expect(() => decodeL0Object(object, 'key')).toThrow(expect.objectContaining({ code: 'unsupported-format' }));
  });

  it('never makes anything but an EngineError of noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(() => decodeL0Object(Buffer.from(noise), 'key')).toThrow(EngineError);
      }),
    );
  });
});

describe('the key of an L0 object', () => {
  it('comes back as it was made, and sorts by epoch inside a shard', () => {
    const name = '018bcfe5-6800-7000-8000-000000000000';
    const keys = [9, 10, 100].map((epoch) => formatL0Key(clusterId, { shard: 7, epoch: clusterEpoch(epoch), name }));
    expect([...keys].sort()).toEqual(keys);
    expect(parseL0Key(clusterId, keys[1] as string)).toEqual({ shard: 7, epoch: 10, name });
  });

  it.each([
    '',
    'level_zero',
    `${clusterId}/level_zero/7/1/x`,
    `${clusterId}/level_zero/007/00000000000000000001/not-a-uuid`,
  ])('is refused when it is none: %s', (key) => {
    expect(() => parseL0Key(clusterId, key)).toThrow(expect.objectContaining({ code: 'corrupt-object' }));
  });
});
