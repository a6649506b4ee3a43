// The end of an L1 object field by field: every byte is shown once, in order, and says what the decoder says; damage is shown too.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { annotateL1Footer, sketchL1Footer } from '../../../src/engine/audit/l1-footer-layout-format.ts';
import { offset, timestampMs, topicId } from '../../../src/engine/base/ids.ts';
import { decodeL1Footer, encodeL1Footer, l1TrailerBytes } from '../../../src/engine/l1/l1-object-format.ts';

const bodyBytes = 300;
const facts = {
  clusterId: '11111111-1111-4111-8111-111111111111',
  objectId: '22222222-2222-4222-8222-222222222222',
  topicId: topicId('33333333-3333-4333-8333-333333333333'),
  kind: 'compacted',
  createdMs: 1_700_000_000_123,
} as const;
const section = { maxTimestamp: timestampMs(1_700_000_000_000), batchCount: 1, recordCount: 5 };
const bytes = encodeL1Footer({
  ...facts,
  sections: [
    { ...section, partition: 0, baseOffset: offset(0), lastOffset: offset(9), position: 0, length: 200, firstChunk: 0 },
    {
      ...section,
      partition: 7,
      baseOffset: offset(5),
      lastOffset: offset(9),
      position: 200,
      length: 100,
      firstChunk: 2,
    },
  ],
  chunks: [0, 100, 200].map((position) => ({
    position,
    baseOffset: offset(position === 200 ? 5 : position / 50),
    maxTimestamp: timestampMs(-1),
    crc: 0xdead_beef,
  })),
});
const footer = bytes.subarray(0, bytes.length - l1TrailerBytes);

describe('a footer, field by field', () => {
  it('shows every byte once, with its place', () => {
    const shown = [...annotateL1Footer(bytes, bodyBytes)];
    expect(Buffer.concat(shown.map((one) => one.bytes))).toEqual(bytes);
    let position = bodyBytes;
    for (const one of shown) {
      expect(one.position).toBe(position);
      position += one.bytes.length;
    }
    expect(shown.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        'footer: clusterId',
        'kind 1, compacted',
        'createdMs 2023-11-14T22:13:20.123Z',
        'sectionCount 2',
        'section 1: partition 7',
        'chunk 2: position 200',
        'maxTimestamp -1',
        'trailer: footerLength 269',
        'version 1',
        'magic "CTL1OBJ\\n"',
      ]),
    );
  });

  it('says what the decoder says', () => {
    const decoded = decodeL1Footer(bytes, bodyBytes, 'k');
    const sketch = sketchL1Footer(footer, bodyBytes);
    expect(sketch).toMatchObject(facts);
    expect(sketch.sections).toEqual([0, 1].map((at) => decoded.section(at)));
    expect(sketch.chunks).toEqual([0, 1, 2].map((at) => decoded.chunk(at)));
  });

  it('shows what is left of one that is cut off, at every byte', () => {
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      const shown = [...annotateL1Footer(cut, bodyBytes)];
      expect(Buffer.concat(shown.map((one) => one.bytes))).toEqual(cut);
      const { sections, chunks } = sketchL1Footer(cut, bodyBytes);
      expect(sections.length).toBeLessThanOrEqual(2);
      expect(chunks.length).toBeLessThanOrEqual(3);
    }
  });

  it('ends whatever the bytes are, and shows them all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(bytes.length - 1), fc.nat(255), (noise, at, value) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        for (const strange of [Buffer.from(noise), changed]) {
          const shown = [...annotateL1Footer(strange, 0)];
          expect(Buffer.concat(shown.map((one) => one.bytes)).equals(strange)).toBe(true);
          sketchL1Footer(strange, 0);
        }
      }),
    );
  });

  it('does not believe counts beyond what there is', () => {
    const changed = Buffer.from(bytes);
    changed.writeUInt32BE(0xffff_ffff, 57);
    changed.writeUInt32BE(0xffff_ffff, 61);
    expect(sketchL1Footer(changed.subarray(0, footer.length), bodyBytes).sections).toHaveLength(3);
    expect([...annotateL1Footer(changed, bodyBytes)].map(({ text }) => text)).toContain('left over');
  });

  it('does not hide a number that does not fit', () => {
    const changed = Buffer.from(bytes);
    changed[65 + 4] = 0x7f;
    expect([...annotateL1Footer(changed, bodyBytes)].map(({ text }) => text)).toContain('baseOffset, outside ±2^53');
    expect(sketchL1Footer(changed.subarray(0, footer.length), bodyBytes).sections[0]?.baseOffset).toBeNaN();
  });
});
