// InitProducerId: a producer id and epoch for an idempotent or transactional producer.
//
//   request   transactional_id STRING?, transaction_timeout_ms INT32, producer_id INT64 3+, producer_epoch INT16 3+
//   response  throttle_time_ms INT32, error_code INT16, producer_id INT64, producer_epoch INT16
//
// Version 6 (two-phase commit) is not stable in Kafka 4.2 and not served.

import { defineApi } from '../define-api.ts';
import { int16, int32, int64, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleFrom: 2,
  request: struct({
    transactionalId: string({ nullableFrom: 0 }),
    transactionTimeoutMs: int32(),
    producerId: int64({ from: 3, default: -1 }),
    producerEpoch: int16({ from: 3, default: -1 }),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
  }),
});
