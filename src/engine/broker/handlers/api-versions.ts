// ApiVersions: what the broker serves, and nothing else.

import { apiVersions } from '../../wire/wire.ts';
import type { AdvertisedVersion } from '../api-table.ts';
import { type ServedApi, serve } from '../handler.ts';

/** The list is asked for late: ApiVersions is itself part of it. */
export function servedApiVersions(advertised: () => readonly AdvertisedVersion[]): ServedApi {
  return serve(apiVersions, () => ({ errorCode: 0, apiKeys: advertised() }));
}
