// Responses of ours are understood by @platformatic/kafka, an independent implementation, in every version it has.

import * as platformatic from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { type AnyField, isPresent } from '../../../src/engine/wire/field.ts';
import { type AnyApi, apis, encodeResponse } from '../../../src/engine/wire/wire.ts';
import { messageArbitrary } from './message-arbitrary.ts';

type Parse = (correlationId: number, key: number, version: number, reader: unknown) => unknown;
const theirs = platformatic as unknown as Record<string, { readonly parseResponse: Parse } | undefined>;
const { Reader } = platformatic;

const batch = encodeBatch([{ value: Buffer.from('v') }]);

/** A message without errors (theirs throws on those) and with whole batches as records. */
function peaceful(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(peaceful);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (name === 'errorCode') return [name, 0];
      if (name === 'batchIndexErrorMessage') return [name, null];
      if (name === 'records') return [name, inner === null ? null : batch];
      return [name, peaceful(inner)];
    }),
  );
}

let compared = 0;

/** What they found must be what was sent. They show old versions in the shape of new ones: what a version lacks is left out. */
function agree(found: unknown, sent: unknown, field: AnyField, version: number, path: string): void {
  if (field.typeName === 'records') {
    expect(Array.isArray(found) ? found.length : found, path).toBe(sent === null ? null : 1);
    compared++;
  } else if (Array.isArray(sent) && Array.isArray(found)) {
    expect(found.length, path).toBe(sent.length);
    for (const [index, inner] of found.entries()) agreeInside(inner, sent[index], field, version, `${path}[${index}]`);
  } else {
    agreeInside(found, sent, field, version, path);
  }
}

function agreeInside(found: unknown, sent: unknown, { inner }: AnyField, version: number, path: string): void {
  if (inner === undefined || sent === null) {
    compared++;
    expect(typeof found === 'bigint' ? Number(found) : found, path).toEqual(sent);
    return;
  }
  for (const [name, field] of Object.entries(inner)) {
    const value = (found as Record<string, unknown>)[name];
    if (!isPresent(field.options, version) || value === undefined) continue;
    agree(value, (sent as Record<string, unknown>)[name], field, version, `${path}.${name}`);
  }
}

for (const api of apis.values()) {
  const camel = api.name[0]?.toLowerCase() + api.name.slice(1);
  const versions: number[] = [];
  for (let version = api.versions[0]; version <= api.versions[1]; version++) {
    if (theirs[`${camel}V${version}`] !== undefined) versions.push(version);
  }
  describe(api.name, () => {
    it.each(versions)('v%i', (version) => check(api, version, theirs[`${camel}V${version}`]?.parseResponse as Parse));
  });
}

function check(api: AnyApi, version: number, parse: Parse): void {
  const before = compared;
  fc.assert(
    fc.property(messageArbitrary(api.response, version), ({ expected }) => {
      const sent = peaceful(expected);
      const frame = Buffer.concat(encodeResponse(api, version, 1, sent as never));
      const body = frame.subarray(8 + api.responseHeaderVersion(version));
      const reader = Reader.from(body);
      const found = inOurWords(api, version, parse(1, api.key, version, reader) as Record<string, never>);
      agree(found, sent, api.response, version, 'body');
      expect(reader.remaining, 'bytes left over').toBe(0);
    }),
    { numRuns: 8 },
  );
  expect(compared).toBeGreaterThan(before);
}

/** Where they show an old version in words of their own. */
function inOurWords(api: AnyApi, version: number, found: Record<string, Record<string, unknown>[]>): unknown {
  if (api.name === 'FindCoordinator' && version < 4) return { ...found, ...found['coordinators']?.[0] };
  if (api.name === 'Fetch' && version < 13) {
    return { ...found, responses: found['responses']?.map((topic) => ({ ...topic, topic: topic['topicId'] })) };
  }
  return found;
}

it('compares most versions of most APIs', () => {
  expect(compared).toBeGreaterThan(3000);
});
