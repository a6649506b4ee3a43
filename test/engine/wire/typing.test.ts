// The values of the APIs have the types that their schemas say; this file is checked by the compiler more than by its run.

import { expect, it } from 'vitest';
import {
  decodeRequest,
  encodeRequest,
  type fetch,
  produce,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
} from '../../../src/engine/wire/wire.ts';

it('infers types: decoded values have every field, encoded ones may leave defaults out', () => {
  const records = Buffer.from('batch');
  const parts = encodeRequest(
    produce,
    7,
    { correlationId: 1, clientId: 'me' },
    {
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: 't',
          partitionData: [
            { index: 3, records: [records, records] },
            { index: 4, records: null },
          ],
        },
      ],
    },
  );
  const { header, body } = decodeRequest(produce, Buffer.concat(parts).subarray(4));
  const typed: RequestOf<typeof produce> = body;
  const transactionalId: string | null = typed.transactionalId;
  const topicId: string = typed.topicData[0]!.topicId;
  const view: Buffer | null = typed.topicData[0]!.partitionData[0]!.records;
  expect([transactionalId, topicId, view?.toString(), header.clientId]).toEqual([
    null,
    '00000000-0000-0000-0000-000000000000',
    'batchbatch',
    'me',
  ]);
  const answer: ResponseInput<typeof fetch> = {
    responses: [
      { topic: 't', partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 5, records: [records] }] },
    ],
  };
  expect(answer.responses).toHaveLength(1);
  const sender = { correlationId: 1, clientId: null };
  // @ts-expect-error: a field without a default must be given.
  const incomplete: RequestInput<typeof produce> = { acks: 1, topicData: [] };
  expect(() => encodeRequest(produce, 7, sender, incomplete)).toThrow(
    'Produce v7 request, field timeoutMs: the field has no default and was left out',
  );
  // @ts-expect-error: a wrong type is refused.
  const wrong: RequestInput<typeof produce> = { acks: '1', timeoutMs: 1, topicData: [] };
  expect(() => encodeRequest(produce, 7, sender, wrong)).toThrow('Produce v7 request, field acks: int16 expected');
});
