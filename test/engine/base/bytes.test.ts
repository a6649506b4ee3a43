import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../../src/engine/base/byte-reader.ts';
import { ByteWriter } from '../../../src/engine/base/byte-writer.ts';
import { crc32c } from '../../../src/engine/base/checksum.ts';

const integer = fc.maxSafeInteger();
const i32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });

describe('numbers in bytes', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(
        integer,
        i32,
        fc.nat(0xffff_ffff),
        fc.double({ noNaN: true }),
        fc.uuid(),
        (wide, narrow, whole, real, id) => {
          const bytes = new ByteWriter(1)
            .i64(wide)
            .i32(narrow)
            .u32(whole)
            .uvarint(whole)
            .varint(narrow)
            .varlong(wide)
            .f64(real)
            .uuid(id)
            .bytes();
          const reader = new ByteReader(bytes, 'test');
          expect(reader.i64()).toBe(wide);
          expect(reader.i32()).toBe(narrow);
          expect(reader.u32()).toBe(whole);
          expect(reader.uvarint()).toBe(whole);
          expect(reader.varint()).toBe(narrow);
          expect(reader.varlong()).toBe(wide);
          expect(Object.is(reader.f64(), real)).toBe(true);
          expect(reader.uuid()).toBe(id.toLowerCase());
          expect(reader.remaining).toBe(0);
        },
      ),
    );
  });

  it('that do not fit a safe integer are refused, with their place', () => {
    const bytes = Buffer.from('0000000000000000ff7fffffffffffff', 'hex');
    const reader = new ByteReader(bytes, 'the thing', 8);
    expect(() => reader.i64()).toThrow(/the thing.*outside ±2\^53.*byte 8/);
    expect(() => new ByteWriter().i64(2 ** 53)).toThrow(/safe integer/);
  });

  it('are never read beyond the end, and lengths are not believed', () => {
    const reader = new ByteReader(Buffer.alloc(3), 'x');
    expect(() => reader.u32()).toThrow(/needs 4 bytes, 3 remain/);
    expect(() => reader.view(1_000_000_000)).toThrow(/3 remain/);
    expect(() => reader.view(-1)).toThrow(/needs -1/);
    expect(() => new ByteReader(Buffer.alloc(9, 0xff), 'x').uvarint()).toThrow(/longer than 32 bits/);
  });
});

describe('a writer', () => {
  it('links large foreign bytes and copies small ones, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 20 }), (sizes) => {
        const writer = new ByteWriter(16);
        const pieces = sizes.map((size, at) => Buffer.alloc(size, at + 1));
        for (const piece of pieces) writer.u8(7).link(piece);
        const expected = Buffer.concat(pieces.flatMap((piece) => [Buffer.of(7), piece]));
        expect(writer.length).toBe(expected.length);
        const parts = writer.parts();
        expect(Buffer.concat(parts).equals(expected)).toBe(true);
        for (const piece of pieces) if (piece.length >= 1024) expect(parts).toContain(piece);
      }),
    );
  });
});

describe('CRC32C', () => {
  it('is the Castagnoli polynomial, and can be continued over parts', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.from('6789'), crc32c(Buffer.from('12345')))).toBe(0xe3069283);
  });

  it('is the same over shared memory', () => {
    const shared = Buffer.from(new SharedArrayBuffer(9));
    shared.write('123456789');
    expect(crc32c(shared)).toBe(0xe3069283);
  });
});
