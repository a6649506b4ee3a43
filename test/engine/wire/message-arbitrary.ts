// Messages of any schema at any version, for properties: what is given to the encoder, and what the decoder must then return.

import fc from 'fast-check';
import { type AnyField, isNullable, isPresent } from '../../../src/engine/wire/field.ts';

interface Pair {
  readonly given: unknown;
  readonly expected: unknown;
}

const primitives: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -0x80, max: 0x7f }),
  int16: fc.integer({ min: -0x8000, max: 0x7fff }),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  int32: fc.integer(),
  uint32: fc.nat(0xffff_ffff),
  int64: fc.maxSafeInteger(),
  float64: fc.double({ noNaN: true }),
  uuid: fc.uuid(),
  string: fc.string({ unit: 'grapheme', maxLength: 12 }),
  bytes: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
};

/** Long enough, now and then, to be linked instead of copied. */
const recordParts = fc.array(
  fc
    .oneof(fc.uint8Array({ maxLength: 12 }), fc.constant(new Uint8Array(1500).fill(7)))
    .map((bytes) => Buffer.from(bytes)),
  { maxLength: 3 },
);

/** Values of `field` at a version in which it is present. */
export function messageArbitrary(field: AnyField, version: number): fc.Arbitrary<Pair> {
  const value = valueArbitrary(field, version);
  if (!isNullable(field.options, version)) return value;
  return fc.oneof(
    { weight: 4, arbitrary: value },
    { weight: 1, arbitrary: fc.constant({ given: null, expected: null }) },
  );
}

function valueArbitrary(field: AnyField, version: number): fc.Arbitrary<Pair> {
  const { typeName, inner } = field;
  if (typeName === 'records') return recordParts.map((parts) => ({ given: parts, expected: Buffer.concat(parts) }));
  if (typeName === 'struct') return structArbitrary(inner ?? {}, version);
  if (typeName.startsWith('[]')) {
    const element = inner === undefined ? primitive(typeName.slice(2)) : structArbitrary(inner, version);
    return fc.array(element, { maxLength: 3 }).map((pairs) => ({
      given: pairs.map((pair) => pair.given),
      expected: pairs.map((pair) => pair.expected),
    }));
  }
  return primitive(typeName);
}

function primitive(typeName: string): fc.Arbitrary<Pair> {
  const values = primitives[typeName];
  if (values === undefined) throw new Error(`no arbitrary for ${typeName}`);
  return values.map((value) => ({ given: value, expected: value }));
}

function structArbitrary(shape: Readonly<Record<string, AnyField>>, version: number): fc.Arbitrary<Pair> {
  const members = Object.entries(shape).map(([name, field]): fc.Arbitrary<[string, Pair | undefined]> => {
    const leftOut = fc.constant<[string, Pair]>([name, { given: undefined, expected: field.absent }]);
    if (!isPresent(field.options, version)) return leftOut;
    const there = messageArbitrary(field, version).map((pair): [string, Pair] => [name, pair]);
    return field.optional ? fc.oneof({ weight: 3, arbitrary: there }, { weight: 1, arbitrary: leftOut }) : there;
  });
  return fc.tuple(...members).map((entries) => {
    const given: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const [name, pair] of entries) {
      if (pair?.given !== undefined) given[name] = pair.given;
      expected[name] = pair?.expected;
    }
    return { given, expected };
  });
}
