// DescribeConfigs: settings of topics and brokers.
//
//   request   resources [resource_type INT8, resource_name STRING, configuration_keys [STRING]?], include_synonyms BOOL,
//               include_documentation BOOL 3+
//   response  throttle_time_ms INT32, results [error_code INT16, error_message STRING?, resource_type INT8, resource_name
//               STRING, configs [name STRING, value STRING?, read_only BOOL, config_source INT8, is_sensitive BOOL, synonyms
//               [name STRING, value STRING?, source INT8], config_type INT8 3+, documentation STRING? 3+]]
//
// Resource types: 2 topic, 4 broker. Null keys ask for all settings.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { bool, int8, int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleFrom: 4,
  request: struct({
    resources: array(
      struct({ resourceType: int8(), resourceName: string(), configurationKeys: array(string(), { nullableFrom: 0 }) }),
    ),
    includeSynonyms: bool({ default: false }),
    includeDocumentation: bool({ from: 3, default: false }),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    results: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullableFrom: 0, default: null }),
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            value: string({ nullableFrom: 0 }),
            readOnly: bool(),
            configSource: int8({ default: -1 }),
            isSensitive: bool(),
            synonyms: array(struct({ name: string(), value: string({ nullableFrom: 1 }), source: int8() })),
            configType: int8({ from: 3, default: 0 }),
            documentation: string({ from: 3, nullableFrom: 3, default: null }),
          }),
        ),
      }),
    ),
  }),
});
