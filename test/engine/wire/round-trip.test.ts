// Every API in every version: what is encoded is decoded, defaults filled in; and no damage to the bytes does more than an error.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import type { AnyField } from '../../../src/engine/wire/field.ts';
import {
  type AnyApi,
  apis,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../../src/engine/wire/wire.ts';
import { messageArbitrary } from './message-arbitrary.ts';

const runs = 6;

interface Direction {
  readonly name: string;
  field(api: AnyApi): AnyField;
  encode(api: AnyApi, version: number, body: unknown): Buffer;
  decode(api: AnyApi, version: number, frame: Buffer): unknown;
}

const directions: readonly Direction[] = [
  {
    name: 'request',
    field: (api) => api.request,
    encode: (api, version, body) =>
      Buffer.concat(encodeRequest(api, version, { correlationId: 77, clientId: 'tester' }, body as never)).subarray(4),
    decode: (api, version, frame) => {
      const { header, body } = decodeRequest(api, frame);
      assert.deepEqual(header, { apiKey: api.key, apiVersion: version, correlationId: 77, clientId: 'tester' });
      return body;
    },
  },
  {
    name: 'response',
    field: (api) => api.response,
    encode: (api, version, body) => Buffer.concat(encodeResponse(api, version, 77, body as never)).subarray(4),
    decode: (api, version, frame) => {
      const { correlationId, body } = decodeResponse(api, version, frame);
      assert.equal(correlationId, 77);
      return body;
    },
  },
];

/** Runs a decoder on damaged bytes: it may succeed, or throw an EngineError that blames the bytes. */
function decodeDamaged(decode: () => unknown): EngineError | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof assert.AssertionError) return undefined;
    assert(error instanceof EngineError, `not an EngineError: ${error}`);
    assert(['invalid-request', 'unsupported-version'].includes(error.code) || /decoded as/.test(error.message), error);
    return error;
  }
}

for (const api of apis.values()) {
  const [min, max] = api.versions;
  const versions = Array.from({ length: max - min + 1 }, (_, index) => min + index);
  describe(api.name, () => {
    for (const { name, field, encode, decode } of directions) {
      it.each(versions)(`${name} v%i survives the round trip`, (version) => {
        fc.assert(
          fc.property(messageArbitrary(field(api), version), ({ given, expected }) => {
            assert.deepEqual(decode(api, version, encode(api, version, given)), expected);
          }),
          { numRuns: runs },
        );
      });

      it.each(versions)(`${name} v%i is refused when cut anywhere`, (version) => {
        fc.assert(
          fc.property(messageArbitrary(field(api), version), ({ given }) => {
            const whole = encode(api, version, given);
            // Cuts inside long records differ in nothing.
            for (let length = 0; length < whole.length; length += length < 300 ? 1 : 61) {
              const error = decodeDamaged(() => decode(api, version, whole.subarray(0, length)));
              assert.equal(error?.code, 'invalid-request', `cut to ${length} of ${whole.length} bytes`);
            }
          }),
          { numRuns: 1 },
        );
      });

      it.each(versions)(`${name} v%i survives flipped bits`, (version) => {
        const flips = fc.array(fc.nat(), { minLength: 1, maxLength: 4 });
        fc.assert(
          fc.property(messageArbitrary(field(api), version), flips, ({ given }, bits) => {
            const damaged = encode(api, version, given);
            for (const bit of bits) {
              const at = (bit >>> 3) % damaged.length;
              damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7));
            }
            decodeDamaged(() => decode(api, version, damaged));
          }),
          { numRuns: runs },
        );
      });
    }
  });
}
