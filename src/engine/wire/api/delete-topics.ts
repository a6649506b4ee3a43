// DeleteTopics: removes topics, by name or (6+) by id.
//
//   request   topics [name STRING?, topic_id UUID] 6+, topic_names [STRING] until 5, timeout_ms INT32
//   response  throttle_time_ms INT32 1+, responses [name STRING? (null 6+), topic_id UUID 6+, error_code INT16,
//               error_message STRING? 5+]

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int16, int32, noUuid, string, uuid } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [0, 6],
  flexibleFrom: 4,
  request: struct({
    topics: array(struct({ name: string({ nullableFrom: 6, default: null }), topicId: uuid() }), {
      from: 6,
      default: [],
    }),
    topicNames: array(string(), { until: 5, default: [] }),
    timeoutMs: int32(),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1, default: 0 }),
    responses: array(
      struct({
        name: string({ nullableFrom: 6 }),
        topicId: uuid({ from: 6, default: noUuid }),
        errorCode: int16(),
        errorMessage: string({ from: 5, nullableFrom: 5, default: null }),
      }),
    ),
  }),
});
