// The schema language on an API that does not exist, with every type and every kind of version range.

import { expect, it } from 'vitest';
import { array } from '../../../src/engine/wire/array-field.ts';
import { defineApi } from '../../../src/engine/wire/define-api.ts';
import { bytes, float64, int32, string, uint16, uint32 } from '../../../src/engine/wire/fields.ts';
import { struct } from '../../../src/engine/wire/struct-field.ts';
import { decodeResponse, encodeResponse, type ResponseInput } from '../../../src/engine/wire/wire.ts';

const invented = defineApi({
  key: 999,
  name: 'Invented',
  versions: [0, 3],
  flexibleFrom: 2,
  request: struct({}),
  response: struct({
    port: uint16(),
    checksum: uint32(),
    ratio: float64(),
    blob: bytes({ nullableFrom: 1 }),
    onlyOld: string({ until: 1, default: 'gone' }),
    onlyNew: int32({ from: 1, default: -1 }),
    between: array(int32(), { from: 1, until: 2, nullableFrom: 2, default: null }),
    inner: struct({ deep: struct({ leaf: int32({ from: 3, default: 9 }) }) }),
    note: string({ from: 2, tag: 5, nullableFrom: 2, default: null }),
  }),
});

type Answer = ResponseInput<typeof invented>;
const given: Answer = { port: 65535, checksum: 0xffff_ffff, ratio: 0.5, blob: Buffer.from('b'), inner: { deep: {} } };
const round = (version: number, value: Answer) =>
  decodeResponse(invented, version, Buffer.concat(encodeResponse(invented, version, 1, value)).subarray(4)).body;

it('fields that were left out, or that a version lacks, have their defaults', () => {
  const common = { ...given, onlyNew: -1, between: null, inner: { deep: { leaf: 9 } }, note: null };
  expect(round(0, given)).toEqual({ ...common, onlyOld: 'gone' });
  expect(round(3, given)).toEqual({ ...common, onlyOld: 'gone' });
});

it('values for fields that a version lacks are not sent', () => {
  const full: Answer = { ...given, onlyOld: 'o', onlyNew: 1, between: [4], inner: { deep: { leaf: 2 } }, note: 'n' };
  expect(round(0, full)).toMatchObject({
    onlyOld: 'o',
    onlyNew: -1,
    between: null,
    inner: { deep: { leaf: 9 } },
    note: null,
  });
  expect(round(1, full)).toMatchObject({ onlyOld: 'o', onlyNew: 1, between: [4], note: null });
  expect(round(2, full)).toMatchObject({
    onlyOld: 'gone',
    onlyNew: 1,
    between: [4],
    inner: { deep: { leaf: 9 } },
    note: 'n',
  });
  expect(round(3, full)).toMatchObject({ between: null, inner: { deep: { leaf: 2 } }, note: 'n' });
});

it('null is refused in versions that do not allow it, on both sides', () => {
  expect(() => encodeResponse(invented, 0, 1, { ...given, blob: null })).toThrow(
    'Invented v0 response, field blob: null where the version allows none',
  );
  expect(round(1, { ...given, blob: null, between: [] }).blob).toBeNull();
  expect(() => encodeResponse(invented, 1, 1, { ...given, between: null })).toThrow('field between: null where');
  expect(round(2, { ...given, between: null }).between).toBeNull();
});

it('a version outside the range is refused, in words', () => {
  expect(() => encodeResponse(invented, 4, 1, given)).toThrow('Invented v4 is not served, only v0 to v3');
});
