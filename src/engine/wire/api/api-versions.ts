// ApiVersions: which APIs and versions the broker speaks; the first thing a client asks.
//
//   request   client_software_name STRING 3+, client_software_version STRING 3+
//   response  error_code INT16, api_keys [api_key INT16, min_version INT16, max_version INT16], throttle_time_ms INT32 1+,
//             tagged 3+: 0 supported_features, 1 finalized_features_epoch, 2 finalized_features, 3 zk_migration_ready
//
// The response header is never flexible. A request of a version that is not served is answered in version 0, with
// UNSUPPORTED_VERSION and the served versions, so that the client can ask again.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { bool, int16, int32, int64, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleFrom: 3,
  plainResponseHeader: true,
  request: struct({
    clientSoftwareName: string({ from: 3, default: '' }),
    clientSoftwareVersion: string({ from: 3, default: '' }),
  }),
  response: struct({
    errorCode: int16(),
    apiKeys: array(struct({ apiKey: int16(), minVersion: int16(), maxVersion: int16() })),
    throttleTimeMs: int32({ from: 1, default: 0 }),
    supportedFeatures: array(struct({ name: string(), minVersion: int16(), maxVersion: int16() }), { from: 3, tag: 0 }),
    finalizedFeaturesEpoch: int64({ from: 3, tag: 1, default: -1 }),
    finalizedFeatures: array(struct({ name: string(), maxVersionLevel: int16(), minVersionLevel: int16() }), {
      from: 3,
      tag: 2,
    }),
    zkMigrationReady: bool({ from: 3, tag: 3, default: false }),
  }),
});
