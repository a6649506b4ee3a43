import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/engine/base/checksum.ts';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { offset, timestampMs } from '../../../src/engine/base/ids.ts';
import type { L1Footer } from '../../../src/engine/l1/l1.ts';
import {
  decodeL1Footer,
  decodeL1Trailer,
  encodeL1Footer,
  type L1FooterContent,
  l1TrailerBytes,
} from '../../../src/engine/l1/l1-object-format.ts';
import { patchPlace } from '../../../src/engine/records/record-batch-format.ts';
import { makeBatch } from '../../support/record-batches.ts';
import { clusterId, objectIdOf, topic } from './l1-stage.ts';

const facts = {
  clusterId,
  objectId: objectIdOf(1),
  topicId: topic,
  kind: 'compacted',
  createdMs: 1_700_000_000_123,
} as const;

function placed(payload: string, baseOffset: number, leaderEpoch: number): Buffer {
  const batch = makeBatch({ payload, timestampMs: 1_700_000_000_000 + baseOffset });
  patchPlace(batch, baseOffset, leaderEpoch);
  return batch;
}

/** Two extents of partition 5, the first compacted to one batch, the second of two chunks. */
function specimen(): { readonly object: Buffer; readonly body: Buffer; readonly content: L1FooterContent } {
  const batches = [placed('hello', 7, 3), placed('world!', 10, 3), placed('again', 11, 4)];
  let position = 0;
  const chunks = batches.map((bytes, at) => {
    const chunk = {
      position,
      baseOffset: offset([7, 10, 11][at] as number),
      maxTimestamp: timestampMs(1_700_000_000_000 + ([7, 10, 11][at] as number)),
      crc: crc32c(bytes),
    };
    position += bytes.length;
    return chunk;
  });
  const section = (base: number, last: number, first: number, end: number) => {
    const at = chunks[first]?.position as number;
    return {
      partition: 5,
      baseOffset: offset(base),
      lastOffset: offset(last),
      position: at,
      length: (chunks[end]?.position ?? position) - at,
      maxTimestamp: chunks[end - 1]?.maxTimestamp as L1FooterContent['chunks'][0]['maxTimestamp'],
      batchCount: end - first,
      recordCount: end - first,
      firstChunk: first,
    };
  };
  const content = { ...facts, sections: [section(0, 9, 0, 1), section(10, 11, 1, 3)], chunks };
  const body = Buffer.concat(batches);
  return { object: Buffer.concat([body, encodeL1Footer(content)]), body, content };
}

const decode = (object: Buffer, bodyBytes: number) => decodeL1Footer(object.subarray(bodyBytes), bodyBytes, 'the/key');

/** Everything that a footer says. */
function contentOf(footer: L1Footer): L1FooterContent {
  const { topicId, kind, createdMs } = footer;
  return {
    clusterId: footer.clusterId,
    objectId: footer.objectId,
    topicId,
    kind,
    createdMs,
    sections: Array.from({ length: footer.sectionCount }, (_, at) => {
      const { chunkCount: _c, ...section } = footer.section(at);
      return section;
    }),
    chunks: Array.from({ length: footer.chunkCount }, (_, at) => {
      const { length: _l, ...chunk } = footer.chunk(at);
      return chunk;
    }),
  };
}

/** Any object's index: partitions in order, extents in order, chunks that fill them. */
const contents = fc
  .array(
    fc.record({
      partitionStep: fc.nat({ max: 2 }),
      gap: fc.nat({ max: 1000 }),
      chunks: fc.array(
        fc.record({
          length: fc.integer({ min: 1, max: 2 ** 32 }),
          offsets: fc.integer({ min: 1, max: 2 ** 31 }),
          maxTimestamp: fc.integer({ min: -1, max: 2 ** 45 }),
          crc: fc.nat({ max: 0xffff_ffff }),
        }),
        { minLength: 1, maxLength: 5 },
      ),
      counts: fc.tuple(fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 2 ** 50 })),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((extents): { readonly content: L1FooterContent; readonly bodyBytes: number } => {
    const sections: L1FooterContent['sections'][0][] = [];
    const chunks: L1FooterContent['chunks'][0][] = [];
    let position = 0;
    let partition = 0;
    let next = 0;
    for (const extent of extents) {
      if (extent.partitionStep > 0) next = 0;
      partition += extent.partitionStep;
      const start = position;
      const firstChunk = chunks.length;
      const baseOffset = offset(next);
      next += extent.gap;
      for (const { length, offsets, maxTimestamp, crc } of extent.chunks) {
        chunks.push({ position, baseOffset: offset(next), maxTimestamp: timestampMs(maxTimestamp), crc });
        position += length;
        next += offsets;
      }
      const [batchCount, recordCount] = extent.counts;
      const maxTimestamp = timestampMs(extent.chunks[0]?.maxTimestamp ?? -1);
      const place = { position: start, length: position - start, firstChunk };
      sections.push({
        partition,
        baseOffset,
        lastOffset: offset(next - 1),
        maxTimestamp,
        batchCount,
        recordCount,
        ...place,
      });
    }
    return { content: { ...facts, sections, chunks }, bodyBytes: position };
  });

describe('an L1 object', () => {
  it('explains itself: the footer comes back as it was written', () => {
    const { object, body, content } = specimen();
    expect(contentOf(decode(object, body.length))).toEqual(content);
    expect(decodeL1Trailer(object.subarray(-l1TrailerBytes), object.length, 'key')).toMatchObject({
      footerPosition: body.length,
    });
  });

  it('comes back as it was written, whatever its extents are', () => {
    fc.assert(
      fc.property(contents, ({ content, bodyBytes }) => {
        const footer = decodeL1Footer(encodeL1Footer(content), bodyBytes, 'key');
        expect(contentOf(footer)).toEqual(content);
      }),
    );
  });

  it('finds the section and the chunk of an offset as a search through all of them does', () => {
    fc.assert(
      fc.property(contents, fc.nat(), fc.nat(), ({ content, bodyBytes }, seed, step) => {
        const footer = decodeL1Footer(encodeL1Footer(content), bodyBytes, 'key');
        const some = content.sections[seed % content.sections.length] as L1FooterContent['sections'][0];
        for (const at of [some.baseOffset, some.lastOffset, some.lastOffset + 1, some.baseOffset + (step % 5000)]) {
          const { partition } = some;
          const expected = content.sections.findIndex(
            (one) => one.partition === partition && one.baseOffset <= at && at <= one.lastOffset,
          );
          const found = footer.sectionOf(partition, at);
          expect(found ?? -1).toBe(expected);
          expect(footer.sectionOf(partition + 100, at)).toBeUndefined();
          if (found === undefined) continue;
          const numbers = Array.from({ length: footer.chunkCount }, (_, number) => number);
          const its = numbers.slice(footer.firstChunk(found), footer.endChunk(found));
          const last = its.findLast((number) => footer.chunk(number).baseOffset <= at);
          expect(footer.chunkOf(found, at)).toBe(last ?? its[0]);
        }
      }),
    );
  });

  it('is byte for byte the golden specimen that the format page shows', () => {
    const golden = readFileSync(new URL('../../golden/l1-object-v1.hex', import.meta.url), 'utf8');
    const hex = golden.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, '');
    const { object, body, content } = specimen();
    expect(object.toString('hex')).toBe(hex);
    expect(contentOf(decode(Buffer.from(hex, 'hex'), body.length))).toEqual(content);
    const page = readFileSync(new URL('../../../docs/formats/l1-object.md', import.meta.url), 'utf8');
    expect(page).toContain(golden.trim());
  });

  it('is refused, by name, when it was cut anywhere', () => {
    const { object, body } = specimen();
    for (let length = 0; length < object.length; length++) {
      const cut = object.subarray(0, length);
      expect(() => decode(cut, Math.min(length, body.length)), `${length} bytes`).toThrow(/the\/key/);
      expect(() => decodeL1Trailer(cut.subarray(-l1TrailerBytes), length, 'the/key')).toThrow(/the\/key/);
    }
  });

  it('shows every flipped bit of footer and trailer, and by their chunks those of the batches', () => {
    const { object, body } = specimen();
    const footer = decode(object, body.length);
    for (let at = 0; at < object.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(object);
        damaged[at] = (damaged[at] as number) ^ (1 << bit);
        if (at >= body.length) {
          expect(() => decode(damaged, body.length), `byte ${at}, bit ${bit}`).toThrow(EngineError);
          continue;
        }
        const wrong = [0, 1, 2].filter((number) => {
          const { position, length, crc } = footer.chunk(number);
          return crc32c(damaged.subarray(position, position + length)) !== crc;
        });
        expect(wrong.length, `byte ${at}, bit ${bit}`).toBe(1);
      }
    }
  });

  it('of a newer format version is refused as such', () => {
    const { object, body } = specimen();
    object.writeUInt32BE(2, object.length - 12);
    expect(() => decode(object, body.length)).toThrow(
      expect.objectContaining({ code: 'unsupported-format', message: expect.stringContaining('version 2') }),
    );
  });

  it('is refused when its footer is not where it is expected', () => {
    const { object, body } = specimen();
    expect(() => decodeL1Footer(object.subarray(body.length - 5), body.length - 5, 'the/key')).toThrow(/begins at/);
  });

  it('never makes anything but an EngineError of noise, whatever checksum it has', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 1000 }), (noise, bodyBytes) => {
        expect(() => decodeL1Footer(Buffer.from(noise), bodyBytes, 'key')).toThrow(EngineError);
        const sealed = sealedFooter(Buffer.from(noise));
        expect(() => decodeL1Footer(sealed, bodyBytes, 'key')).toThrow(EngineError);
      }),
    );
  });

  it('is refused when its index contradicts itself under a good checksum', () => {
    const { object, body } = specimen();
    const footer = object.subarray(body.length, -l1TrailerBytes);
    let accepted = 0;
    for (let at = 0; at < footer.length; at++) {
      const changed = Buffer.from(footer);
      changed[at] = (changed[at] as number) ^ 0x81;
      try {
        decodeL1Footer(sealedFooter(changed), body.length, 'key');
        accepted++;
      } catch (error) {
        expect(error).toMatchObject({ code: 'corrupt-object' });
      }
    }
    // Ids, times, counts and checksums say nothing of each other; places, lengths and the order of offsets do.
    expect(accepted).toBeLessThan(footer.length * 0.6);
  });

  it('of ten thousand sections is kept in as many bytes as it has', () => {
    const one = specimen().content;
    const sections = Array.from({ length: 10_000 }, (_, at) => ({
      ...(one.sections[0] as L1FooterContent['sections'][0]),
      partition: at,
      position: at * 100,
      length: 100,
      firstChunk: at,
    }));
    const chunk = one.chunks[0] as L1FooterContent['chunks'][0];
    const chunks = sections.map(({ position }) => ({ ...chunk, position }));
    const bytes = encodeL1Footer({ ...one, sections, chunks });
    const footer = decodeL1Footer(bytes, 1_000_000, 'key');
    expect(footer.memoryBytes).toBe(bytes.length);
    expect(bytes.length).toBeLessThan(1_000_000);
    for (const partition of [0, 1, 5000, 9999]) expect(footer.sectionOf(partition, 5)).toBe(partition);
  });
});

/** A footer with the trailer that fits it. */
function sealedFooter(footer: Buffer): Buffer {
  const trailer = Buffer.alloc(l1TrailerBytes);
  trailer.writeUInt32BE(footer.length, 0);
  trailer.writeUInt32BE(crc32c(footer), 4);
  trailer.writeUInt32BE(1, 8);
  trailer.write('CTL1OBJ\n', 12, 'latin1');
  return Buffer.concat([footer, trailer]);
}
