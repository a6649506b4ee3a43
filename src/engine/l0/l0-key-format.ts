// Keys of L0 objects: <cluster-id>/level_zero/<shard:03>/<cluster epoch:020>/<uuidv7>.
// Inside a shard the order of keys is the order of epochs, which is what the collector lists by.

import { EngineError } from '../base/errors.ts';
import { type ClusterEpoch, clusterEpoch } from '../base/ids.ts';

/** Which L0 object; small enough to be in every placeholder. */
export interface L0ObjectId {
  readonly shard: number;
  readonly epoch: ClusterEpoch;
  /** UUID text, version 7. */
  readonly name: string;
}

export const l0Prefix = (clusterId: string): string => `${clusterId}/level_zero/`;

export function formatL0Key(clusterId: string, id: L0ObjectId): string {
  return `${l0Prefix(clusterId)}${String(id.shard).padStart(3, '0')}/${String(id.epoch).padStart(20, '0')}/${id.name}`;
}

const keyShape = /^(\d{3})\/(\d{20})\/([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** The id in a key; throws `corrupt-object` for a key that is not one of ours. */
export function parseL0Key(clusterId: string, key: string): L0ObjectId {
  const prefix = l0Prefix(clusterId);
  const parts = key.startsWith(prefix) ? keyShape.exec(key.slice(prefix.length)) : null;
  if (parts === null) {
    throw new EngineError('corrupt-object', `not the key of an L0 object: ${key}`, { context: { key } });
  }
  return { shard: Number(parts[1]), epoch: clusterEpoch(Number(parts[2])), name: parts[3] as string };
}
