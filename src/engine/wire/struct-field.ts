// Structs: their fields in order; in flexible versions followed by the tagged fields:
//
//   UVARINT count, then per field UVARINT tag, UVARINT size, the value
//
// Tagged fields that the schema does not know are skipped; one whose value does not fill its size is refused.

import { ByteWriter } from '../base/byte-writer.ts';
import type { AnyField, Codec, Field, FieldOf, FieldOptions, InOf, NoOptions, OutOf, WireVersion } from './field.ts';
import { isPresent } from './field.ts';
import { within } from './field-path.ts';
import type { WireReader } from './wire-reader.ts';

type Shape = Readonly<Record<string, AnyField>>;

type OptionalKeys<S extends Shape> = {
  [K in keyof S]: S[K] extends Field<unknown, never, infer Optional> ? (Optional extends true ? K : never) : never;
}[keyof S];

/** A decoded struct: every field is there. */
export type StructOut<S extends Shape> = { readonly [K in keyof S]: OutOf<S[K]> };

/** A struct to encode: fields with a default may be left out. */
export type StructIn<S extends Shape> = { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: InOf<S[K]> } & {
  readonly [K in OptionalKeys<S>]?: InOf<S[K]> | undefined;
};

type Loose = Record<string, unknown>;

interface Member {
  readonly name: string;
  readonly field: Field<unknown, unknown, boolean>;
  readonly codec: Codec<unknown, unknown>;
  readonly tag: number | undefined;
}

export function struct<S extends Shape, const O extends FieldOptions<never> = NoOptions>(
  shape: S,
  given?: O,
): FieldOf<StructOut<S>, StructIn<S>, O> {
  const options: FieldOptions<never> = given ?? {};
  const absent: Loose = {};
  for (const [name, field] of Object.entries(shape)) absent[name] = field.absent;
  const field: Field<unknown, unknown, boolean> = {
    typeName: 'struct',
    options,
    optional: options.tag !== undefined,
    absent,
    inner: shape,
    isAbsent: (value) => holdsOnlyDefaults(shape, value as Loose),
    compile: (at) => compileStruct(shape, at, absent),
  };
  return field as unknown as FieldOf<StructOut<S>, StructIn<S>, O>;
}

function holdsOnlyDefaults(shape: Shape, value: Loose): boolean {
  for (const [name, field] of Object.entries(shape as Record<string, Field<unknown, unknown, boolean>>)) {
    const inner = value[name];
    if (inner !== undefined && !field.isAbsent(inner)) return false;
  }
  return true;
}

function compileStruct(shape: Shape, at: WireVersion, absent: Loose): Codec<unknown, unknown> {
  const plain: Member[] = [];
  const tagged: Member[] = [];
  for (const [name, anyField] of Object.entries(shape)) {
    const field = anyField as unknown as Field<unknown, unknown, boolean>;
    if (!isPresent(field.options, at.version)) continue;
    const tag = field.options.tag;
    const member = { name, field, codec: field.compile(at), tag };
    if (tag === undefined) plain.push(member);
    else if (at.flexible) tagged.push(member);
  }
  tagged.sort((a, b) => (a.tag as number) - (b.tag as number));
  const bytesMin = plain.reduce((sum, { codec }) => sum + codec.bytesMin, at.flexible ? 1 : 0);
  return {
    bytesMin,
    decode: (reader) => {
      const out = { ...absent };
      let member: Member | undefined;
      try {
        for (member of plain) out[member.name] = member.codec.decode(reader);
      } catch (error) {
        throw within((member as Member).name, error);
      }
      if (at.flexible) decodeTagged(reader, tagged, out);
      return out;
    },
    encode: (writer, given) => {
      const value = given as Loose;
      let member: Member | undefined;
      try {
        for (member of plain) {
          const inner = value[member.name];
          member.codec.encode(writer, inner === undefined ? valueLeftOut(member) : inner);
        }
        member = undefined;
        if (at.flexible) encodeTagged(writer, tagged, value);
      } catch (error) {
        throw member === undefined ? error : within(member.name, error);
      }
    },
  };
}

function valueLeftOut({ field }: Member): unknown {
  if (!field.optional) throw new TypeError('the field has no default and was left out');
  return field.absent;
}

function decodeTagged(reader: WireReader, tagged: readonly Member[], out: Loose): void {
  const count = reader.uvarint();
  if (count === 0) return;
  reader.elements(count, 2);
  for (let index = 0; index < count; index++) {
    const tag = reader.uvarint();
    const size = reader.uvarint();
    reader.need(size);
    const end = reader.position + size;
    const member = tagged.find((candidate) => candidate.tag === tag);
    if (member === undefined) {
      reader.position = end;
      continue;
    }
    try {
      out[member.name] = member.codec.decode(reader);
      if (reader.position !== end) throw reader.corrupt(`tagged field ${tag} does not fill its size ${size}`);
    } catch (error) {
      throw within(member.name, error);
    }
  }
}

function encodeTagged(writer: ByteWriter, tagged: readonly Member[], value: Loose): void {
  let count = 0;
  for (const member of tagged) if (isSent(member, value)) count++;
  writer.uvarint(count);
  if (count === 0) return;
  for (const member of tagged) {
    if (!isSent(member, value)) continue;
    try {
      const inner = new ByteWriter();
      member.codec.encode(inner, value[member.name]);
      const bytes = inner.bytes();
      writer.uvarint(member.tag as number);
      writer.uvarint(bytes.length);
      writer.copy(bytes);
    } catch (error) {
      throw within(member.name, error);
    }
  }
}

function isSent({ name, field }: Member, value: Loose): boolean {
  const inner = value[name];
  return inner !== undefined && !field.isAbsent(inner);
}
