// Which domains a cluster has something of in the bucket, from the keys alone. A domain may have very many tables: from its first
// key the listing jumps behind its last.

import type { ObjectStore } from '../store/object-store.ts';

/** Sorted. Keys that are no domain's objects are left out. */
export async function listDomainNames(store: ObjectStore, clusterId: string): Promise<string[]> {
  const prefix = `${clusterId}/domain/`;
  const names = new Set<string>();
  let startAfter: string | undefined;
  while (true) {
    const key = await firstKey(store, prefix, startAfter);
    if (key === undefined) return [...names].sort();
    const part = /^(.+?)\/(manifest|sst)\//.exec(key.slice(prefix.length));
    if (part === null) {
      startAfter = key;
      continue;
    }
    names.add(part[1] as string);
    // Names of manifests and tables are digits and dashes, which all lie before "~".
    startAfter = `${prefix}${part[1]}/${part[2]}/~`;
  }
}

async function firstKey(
  store: ObjectStore,
  prefix: string,
  startAfter: string | undefined,
): Promise<string | undefined> {
  for await (const { key } of store.list({ prefix, ...(startAfter === undefined ? {} : { startAfter }) })) return key;
  return undefined;
}
