// FindCoordinator: which broker coordinates a group or a transactional id.
//
//   request   key STRING until 3, key_type INT8 1+, coordinator_keys [STRING] 4+
//   response  throttle_time_ms INT32 1+, error_code INT16 until 3, error_message STRING? 1–3, node_id INT32 until 3, host
//               STRING until 3, port INT32 until 3, coordinators [key STRING, node_id INT32, host STRING, port INT32,
//               error_code INT16, error_message STRING?] 4+
//
// Versions up to 3 ask for one key, later ones for several. Key types: 0 group, 1 transaction, 2 share group.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int8, int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleFrom: 3,
  request: struct({
    key: string({ until: 3, default: '' }),
    keyType: int8({ from: 1, default: 0 }),
    coordinatorKeys: array(string(), { from: 4, default: [] }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16({ until: 3, default: 0 }),
    errorMessage: string({ from: 1, until: 3, nullableFrom: 1, default: null }),
    nodeId: int32({ until: 3, default: 0 }),
    host: string({ until: 3, default: '' }),
    port: int32({ until: 3, default: 0 }),
    coordinators: array(
      struct({
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: string({ nullableFrom: 4, default: null }),
      }),
      { from: 4, default: [] },
    ),
  }),
});
