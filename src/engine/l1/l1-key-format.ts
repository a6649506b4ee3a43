// Keys of L1 objects: <cluster-id>/level_one/<uuid>. The uuid says nothing: what an object holds is in its footer and the metastore.

import { EngineError } from '../base/errors.ts';

export const l1Prefix = (clusterId: string): string => `${clusterId}/level_one/`;

export const formatL1Key = (clusterId: string, objectId: string): string => l1Prefix(clusterId) + objectId;

const nameShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The object's id; throws `corrupt-object` for a key that is not one of ours. */
export function parseL1Key(clusterId: string, key: string): string {
  const prefix = l1Prefix(clusterId);
  const name = key.slice(prefix.length);
  if (!key.startsWith(prefix) || !nameShape.test(name)) {
    throw new EngineError('corrupt-object', `not the key of an L1 object: ${key}`, { context: { key } });
  }
  return name;
}
