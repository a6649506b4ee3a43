// IncrementalAlterConfigs: changes single settings.
//
//   request   resources [resource_type INT8, resource_name STRING, configs [name STRING, config_operation INT8, value
//               STRING?]], validate_only BOOL
//   response  throttle_time_ms INT32, responses [error_code INT16, error_message STRING?, resource_type INT8,
//               resource_name STRING]
//
// Operations: 0 set, 1 delete, 2 append, 3 subtract.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { bool, int8, int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleFrom: 1,
  request: struct({
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(struct({ name: string(), configOperation: int8(), value: string({ nullableFrom: 0 }) })),
      }),
    ),
    validateOnly: bool(),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    responses: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullableFrom: 0, default: null }),
        resourceType: int8(),
        resourceName: string(),
      }),
    ),
  }),
});
