// The primitive field types of the Kafka protocol.
//
//   bool int8 int16 int32 uint16 uint32 float64   fixed width, big endian
//   int64      fixed width; must fit a safe integer
//   uuid       16 bytes, as lower-case dashed text
//   string     INT16 length, UTF-8        compact: UVARINT length + 1
//   bytes      INT32 length               compact: UVARINT length + 1
//   records    as bytes; decoded as a view into the message, encoded by linking the parts, copied in neither direction

import type { ByteWriter } from '../base/byte-writer.ts';
import type { Codec, Field, FieldOf, FieldOptions, NoOptions, WireVersion } from './field.ts';
import { isNullable } from './field.ts';
import { compactLength, lengthOrNull, longLength, shortLength, writeNull } from './length-prefix.ts';
import type { WireReader } from './wire-reader.ts';

export const noUuid = '00000000-0000-0000-0000-000000000000';

interface Primitive<Out, In> {
  readonly typeName: string;
  readonly zero: Out | null;
  compile(at: WireVersion, nullable: boolean): Codec<Out | null, In | null>;
}

type FieldMaker<Out, In> = <const O extends FieldOptions<Out> = NoOptions>(options?: O) => FieldOf<Out, In, O>;

function primitive<Out, In>(type: Primitive<Out, In>): FieldMaker<Out, In> {
  return <const O extends FieldOptions<Out> = NoOptions>(given?: O) => {
    const options: FieldOptions<Out> = given ?? {};
    const absent = options.default === undefined ? type.zero : options.default;
    const field: Field<Out | null, In | null, boolean> = {
      typeName: type.typeName,
      options,
      optional: 'default' in options || options.tag !== undefined,
      absent,
      inner: undefined,
      compile: (at) => type.compile(at, isNullable(options, at.version)),
      isAbsent: (value) => (value as unknown) === absent,
    };
    return field as unknown as FieldOf<Out, In, O>;
  };
}

function fixed<T extends number | boolean | string>(
  typeName: string,
  zero: T,
  bytesMin: number,
  decode: (reader: WireReader) => T,
  write: (writer: ByteWriter, value: T) => void,
): FieldMaker<T, T> {
  const expected = typeof zero;
  const encode = (writer: ByteWriter, value: T | null): void => {
    if (typeof value !== expected) throw new TypeError(`${typeName} expected, got ${value}`);
    write(writer, value as T);
  };
  return primitive({ typeName, zero, compile: () => ({ bytesMin, decode, encode }) });
}

export const bool = fixed<boolean>(
  'bool',
  false,
  1,
  (reader) => reader.u8() !== 0,
  (writer, value) => void writer.u8(value ? 1 : 0),
);
export const int8 = fixed<number>(
  'int8',
  0,
  1,
  (reader) => reader.i8(),
  (writer, value) => void writer.i8(value),
);
export const int16 = fixed<number>(
  'int16',
  0,
  2,
  (reader) => reader.i16(),
  (writer, value) => void writer.i16(value),
);
export const uint16 = fixed<number>(
  'uint16',
  0,
  2,
  (reader) => reader.u16(),
  (writer, value) => void writer.u16(value),
);
export const int32 = fixed<number>(
  'int32',
  0,
  4,
  (reader) => reader.i32(),
  (writer, value) => void writer.i32(value),
);
export const uint32 = fixed<number>(
  'uint32',
  0,
  4,
  (reader) => reader.u32(),
  (writer, value) => void writer.u32(value),
);
export const int64 = fixed<number>(
  'int64',
  0,
  8,
  (reader) => reader.i64(),
  (writer, value) => void writer.i64(value),
);
export const float64 = fixed<number>(
  'float64',
  0,
  8,
  (reader) => reader.f64(),
  (writer, value) => void writer.f64(value),
);
export const uuid = fixed<string>(
  'uuid',
  noUuid,
  16,
  (reader) => reader.uuid(),
  (writer, value) => void writer.uuid(value),
);

export const string = primitive<string, string>({
  typeName: 'string',
  zero: '',
  compile: ({ flexible }, nullable) => {
    const prefix = flexible ? compactLength : shortLength;
    return {
      bytesMin: prefix.bytesMin,
      decode: (reader) => {
        const length = lengthOrNull(reader, prefix, nullable);
        return length === null ? null : reader.text(length);
      },
      encode: (writer, value) => {
        if (value === null) return writeNull(writer, prefix, nullable);
        if (typeof value !== 'string') throw new TypeError(`string expected, got ${value}`);
        prefix.write(writer, Buffer.byteLength(value));
        writer.text(value);
      },
    };
  },
});

/** Decoded as a view into the message. */
export const bytes = primitive<Buffer, Uint8Array>({
  typeName: 'bytes',
  zero: Buffer.alloc(0),
  compile: ({ flexible }, nullable) => {
    const prefix = flexible ? compactLength : longLength;
    return {
      bytesMin: prefix.bytesMin,
      decode: (reader) => {
        const length = lengthOrNull(reader, prefix, nullable);
        return length === null ? null : reader.view(length);
      },
      encode: (writer, value) => {
        if (value === null) return writeNull(writer, prefix, nullable);
        prefix.write(writer, value.length);
        writer.copy(value);
      },
    };
  },
});

/** Record batches: one view when decoded (its `byteOffset` tells where), one or several linked parts when encoded. */
type RecordsInput = Buffer | readonly Buffer[];

export const records = primitive<Buffer, RecordsInput>({
  typeName: 'records',
  zero: null,
  compile: ({ flexible }, nullable) => {
    const prefix = flexible ? compactLength : longLength;
    return {
      bytesMin: prefix.bytesMin,
      decode: (reader) => {
        const length = lengthOrNull(reader, prefix, nullable);
        return length === null ? null : reader.view(length);
      },
      encode: (writer, value) => {
        if (value === null) return writeNull(writer, prefix, nullable);
        if (Buffer.isBuffer(value)) {
          prefix.write(writer, value.length);
          writer.link(value);
          return;
        }
        let length = 0;
        for (const part of value) length += part.length;
        prefix.write(writer, length);
        for (const part of value) writer.link(part);
      },
    };
  },
});
