// Which clusters a store holds: names lead to ids, ids to OWNER objects. Names are created only if nobody has them.

import { EngineError, hasCode } from '../base/errors.ts';
import type { CallOptions, ObjectStore } from '../store/object-store.ts';
import { type ClusterName, decodeClusterName, decodeOwner, encodeClusterName, type Owner } from './owner-format.ts';

const namePrefix = 'clusters/';
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const ownerKey = (clusterId: string): string => `${clusterId}/OWNER`;
export const clusterNameKey = (name: string): string => `${namePrefix}${name}`;
export const isClusterId = (text: string): boolean => idPattern.test(text);

/** A name must not look like an id, so that one argument can be either. */
export function checkClusterName(name: string): void {
  if (namePattern.test(name) && !isClusterId(name)) return;
  throw new EngineError('usage', `not a cluster name: "${name}"`, {
    hint: 'use letters, digits, ".", "_" and "-", at most 100 characters, beginning with a letter or digit',
  });
}

export interface FoundOwner {
  readonly owner: Owner;
  /** For the next conditional write. */
  readonly etag: string;
}

/** Undefined when there is no OWNER object. */
export async function readOwner(
  store: ObjectStore,
  clusterId: string,
  options?: CallOptions,
): Promise<FoundOwner | undefined> {
  const key = ownerKey(clusterId);
  const stored = await getIfThere(store, key, options);
  if (stored === undefined) return undefined;
  const owner = decodeOwner(stored.bytes, key);
  if (owner.clusterId !== clusterId) {
    throw new EngineError('corrupt-object', `${key} is that of cluster ${owner.clusterId}`, { context: { key } });
  }
  return { owner, etag: stored.info.etag };
}

/** The cluster of this name, or with this id; undefined when the store has none. */
export async function findCluster(
  store: ObjectStore,
  nameOrId: string,
  options?: CallOptions,
): Promise<ClusterName | undefined> {
  if (isClusterId(nameOrId)) {
    const found = await readOwner(store, nameOrId, options);
    return found === undefined ? undefined : { name: found.owner.clusterName, clusterId: nameOrId };
  }
  checkClusterName(nameOrId);
  const key = clusterNameKey(nameOrId);
  const stored = await getIfThere(store, key, options);
  return stored === undefined ? undefined : decodeClusterName(stored.bytes, key);
}

/** Gives the name to the cluster, unless somebody has it; returns whose it is then. */
export async function claimClusterName(store: ObjectStore, cluster: ClusterName): Promise<ClusterName> {
  checkClusterName(cluster.name);
  try {
    await store.put(clusterNameKey(cluster.name), [encodeClusterName(cluster)], { createOnly: true });
    return cluster;
  } catch (error) {
    if (!hasCode(error, 'precondition-failed')) throw error;
    const found = await findCluster(store, cluster.name);
    if (found !== undefined) return found;
    throw error;
  }
}

/** All clusters of the store, by name. */
export async function listClusters(store: ObjectStore, options?: CallOptions): Promise<ClusterName[]> {
  const clusters: ClusterName[] = [];
  for await (const { key } of store.list({ prefix: namePrefix, ...options })) {
    const stored = await getIfThere(store, key, options);
    if (stored !== undefined) clusters.push(decodeClusterName(stored.bytes, key));
  }
  return clusters;
}

async function getIfThere(store: ObjectStore, key: string, options?: CallOptions) {
  try {
    return await store.get(key, options);
  } catch (error) {
    if (hasCode(error, 'object-not-found')) return undefined;
    throw error;
  }
}
