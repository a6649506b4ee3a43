// Frames byte by byte, and the requests that nobody in good faith sends.

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import {
  advertisedVersions,
  apiVersions,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  fetch,
  metadata,
  produce,
  receiveRequest,
} from '../../../src/engine/wire/wire.ts';
import { wireElementsMax } from '../../../src/engine/wire/wire-reader.ts';

const sender = { correlationId: 0x01020304, clientId: 'me' };
const hex = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString('hex');
const spaced = (text: string): string => text.replaceAll(/\s|·/g, '');

function refusal(run: () => unknown): EngineError {
  try {
    run();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('golden frames', () => {
  it('a classic request: INT16 and INT32 lengths, no tags', () => {
    const parts = encodeRequest(metadata, 4, sender, { topics: [{ name: 'ab' }], allowAutoTopicCreation: false });
    expect(hex(parts)).toBe(
      //      size       key    ver    correlation  client id     topics     name        no auto creation
      spaced('00000015 · 0003 · 0004 · 01020304 ·   0002 6d65 ·   00000001 · 0002 6162 · 00'),
    );
  });

  it('a flexible request: the client id stays classic, lengths are plus one, tags close every struct', () => {
    const parts = encodeRequest(metadata, 12, sender, {
      topics: [{ name: null, topicId: '00000000-0000-4000-8000-00000000000f' }],
    });
    expect(hex(parts)).toBe(
      spaced(`00000023 · 0003 · 000c · 01020304 · 0002 6d65 · 00
              02 · 00000000000040008000 00000000000f · 00 · 00
              01 · 00 · 00`),
    );
  });

  it('a flexible response: tagged fields only when they differ from their default', () => {
    const nodeEndpoints = [{ nodeId: 7, host: 'h', port: 9, rack: null }];
    const partition = { index: 1, errorCode: 6, baseOffset: -1, currentLeader: { leaderId: 7, leaderEpoch: 2 } };
    const body = { responses: [{ name: 't', partitionResponses: [partition] }], nodeEndpoints };
    expect(hex(encodeResponse(produce, 10, 5, body))).toBe(
      spaced(`0000004a · 00000005 · 00
              02 · 02 74 · 02
                00000001 · 0006 · ffffffffffffffff · ffffffffffffffff · ffffffffffffffff · 01 · 00
                01 · 00 09 00000007 00000002 00
              00
              00000000
              01 · 00 0d · 02 00000007 02 68 00000009 00 00`),
    );
    expect(
      decodeResponse(produce, 10, Buffer.concat(encodeResponse(produce, 10, 5, body)).subarray(4)).body,
    ).toMatchObject(body);
  });

  it('an ApiVersions response has a classic header even where it is flexible', () => {
    const body = { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] };
    expect(hex(encodeResponse(apiVersions, 0, 9, body))).toBe(
      spaced('00000010 · 00000009 · 0023 · 00000001 0012 0000 0004'),
    );
    expect(hex(encodeResponse(apiVersions, 3, 9, body))).toBe(
      spaced('00000013 · 00000009 · 0023 · 02 0012 0000 0004 00 · 00000000 · 00'),
    );
  });

  it('long records are linked, not copied, and decoded as a view', () => {
    const records = Buffer.alloc(5000, 1);
    const topicData = [{ name: 't', partitionData: [{ index: 0, records: [records, Buffer.from('tail')] }] }];
    const parts = encodeRequest(produce, 9, sender, { acks: -1, timeoutMs: 5, topicData });
    expect(parts).toContain(records);
    const frame = Buffer.concat(parts).subarray(4);
    const decoded = decodeRequest(produce, frame).body.topicData[0]?.partitionData[0]?.records;
    expect(decoded?.buffer).toBe(frame.buffer);
    expect(decoded?.equals(Buffer.concat([records, Buffer.from('tail')]))).toBe(true);
    expect(
      frame
        .subarray((decoded?.byteOffset ?? 0) - frame.byteOffset)
        .subarray(0, 5000)
        .equals(records),
    ).toBe(true);
  });
});

describe('what is advertised', () => {
  it('names every API once, by key, and Produce from version 0, which is refused', () => {
    const keys = advertisedVersions.map(({ apiKey }) => apiKey);
    expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b));
    expect(advertisedVersions[0]).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 });
    const request = receiveRequest(
      Buffer.from(spaced('0000 · 0002 · 00000001 · ffff · 0001 · 00000000 · 00000000'), 'hex'),
    );
    expect(request.served).toBe(false);
    expect(refusal(() => request.body(produce))).toMatchObject({
      code: 'unsupported-version',
      message: 'Produce v2 is not served, only v3 to v13',
    });
  });

  it('an unknown API or version still has a readable header', () => {
    const unknown = receiveRequest(Buffer.from(spaced('7fff · 0001 · 00000009 · 0001 78'), 'hex'));
    expect(unknown).toMatchObject({
      served: false,
      api: undefined,
      header: { apiKey: 0x7fff, correlationId: 9, clientId: 'x' },
    });
    const future = receiveRequest(Buffer.from(spaced('0012 · 0063 · 00000009 · 0001 78 · 00 · ffff'), 'hex'));
    expect(future).toMatchObject({ served: false, api: apiVersions, header: { apiVersion: 99, correlationId: 9 } });
  });
});

describe('hostile bytes', () => {
  const body = (api: number, version: number, text: string): Buffer =>
    Buffer.from(
      api.toString(16).padStart(4, '0') + version.toString(16).padStart(4, '0') + spaced(`00000001 · ffff · ${text}`),
      'hex',
    );

  it.each([
    [
      'a count that cannot fit',
      4,
      '7fffffff',
      'field topics: an array of 2147483647 elements needs 4294967294 bytes, 0 remain',
    ],
    ['a count below −1', 4, 'fffffffe', 'field topics: a length of -2'],
    ['a string longer than the rest', 4, '00000001 · 7fff · 61', 'field topics[0].name: needs 32767 bytes, 1 remain'],
    ['null where none is allowed', 4, '00000001 · ffff', 'field topics[0].name: null where the version allows none'],
    ['a varint that never ends', 12, '00 · ffffffffffffff', 'field topics: a varint is longer than 32 bits'],
    ['more tags than fit', 12, '00 · 00 · 01 · 00 · ff01 · 0000', 'an array of 255 elements needs 510 bytes, 2 remain'],
    ['a tag longer than the rest', 12, '00 · 00 · 01 · 00 · 01 · 63 · 09 · 00', 'needs 9 bytes, 1 remain'],
  ])('%s', (_, version, text, message) => {
    const error = refusal(() => decodeRequest(metadata, body(3, version, text)));
    expect(error.code).toBe('invalid-request');
    expect(error.message).toContain(message);
    expect(error.context).toMatchObject({ apiKey: 3, apiVersion: version });
  });

  it('a tagged field that does not fill its size', () => {
    const frame = body(
      1,
      12,
      `00 · ffffffff 00000000 00000000 00000000 00 00000000 00000000 01 01 01 · 01 · 00 · 04 · 02 61 00 00`,
    );
    expect(refusal(() => decodeRequest(fetch, frame)).message).toContain(
      'Fetch v12 request, field clusterId: tagged field 0 does not fill its size 4',
    );
  });

  it('unknown tagged fields are skipped', () => {
    const frame = body(
      1,
      12,
      `00 · ffffffff 00000000 00000000 00000000 00 00000000 00000000 01 01 01 · 02 · 00 · 02 · 02 61 · 63 · 03 010203`,
    );
    expect(decodeRequest(fetch, frame).body).toMatchObject({ clusterId: 'a', maxBytes: 0, sessionId: 0, topics: [] });
  });

  it('a 64-bit number that is no safe integer', () => {
    const frame = body(2, 1, 'ffffffff · 00000001 · 0001 74 · 00000001 · 00000000 · 7fffffffffffffff');
    expect(refusal(() => decodeRequest(apiOf(2), frame)).message).toMatch(
      /ListOffsets v1 request, field topics\[0\]\.partitions\[0\]\.timestamp: a 64-bit number is outside/,
    );
  });

  it('more elements than any request needs, however small they are', () => {
    const count = wireElementsMax + 1;
    const frame = Buffer.concat([body(3, 0, count.toString(16).padStart(8, '0')), Buffer.alloc(2 * count)]);
    expect(refusal(() => decodeRequest(metadata, frame)).message).toContain(
      `more than ${wireElementsMax} array elements`,
    );
  });

  it.each(['', '0003', '0003000400000001', '00030004000000010005', '0003000400000001fffe', '0003000c00000001ffffff'])(
    'a broken header %s',
    (text) => {
      expect(refusal(() => receiveRequest(Buffer.from(text, 'hex')))).toMatchObject({ code: 'invalid-request' });
    },
  );

  function apiOf(key: number) {
    const api = receiveRequest(body(key, 1, '')).api;
    if (api === undefined) throw new Error(`no API ${key}`);
    return api;
  }
});

describe('values that cannot be encoded are bugs of the caller', () => {
  it.each([
    ['too large', { acks: 70_000, timeoutMs: 1, topicData: [] }, /field acks: .*range/],
    ['null', { acks: 1, timeoutMs: 1, topicData: null }, /field topicData: null where the version allows none/],
    [
      'not whole',
      { acks: 1, timeoutMs: 1, topicData: [{ name: 7 }] },
      /field topicData\[0\]\.name: string expected, got 7/,
    ],
  ])('%s', (_, value, message) => {
    const error = refusal(() => encodeRequest(produce, 3, sender, value as never));
    expect(error.code).toBe('bug');
    expect(error.message).toMatch(message);
  });
});
