// AlterConfigs: replaces all settings of a resource.
//
//   request   resources [resource_type INT8, resource_name STRING, configs [name STRING, value STRING?]], validate_only
//               BOOL
//   response  throttle_time_ms INT32, responses [error_code INT16, error_message STRING?, resource_type INT8,
//               resource_name STRING]

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { bool, int8, int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const alterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(struct({ name: string(), value: string({ nullableFrom: 0 }) })),
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
