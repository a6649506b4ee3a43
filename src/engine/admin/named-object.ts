// Finds the manifest or table that an operator means: by its whole name, or by its number alone. Of several writers' objects with one
// number the newest is meant. A name that more than one domain has is refused, with the domains that have it.

import { EngineError } from '../base/errors.ts';
import { compareNames, manifestKey, parseName, type TableName, tableKey } from '../lsm/lsm.ts';
import type { ObjectInfo, ObjectStore } from '../store/object-store.ts';
import type { BucketSource } from './bucket-source.ts';
import { chosenDomains } from './metadata-source.ts';

export interface NamedObject {
  readonly domain: string;
  readonly name: TableName;
  readonly info: ObjectInfo;
}

export type ObjectKind = 'manifest' | 'sst';

const kindTexts = { manifest: 'manifest', sst: 'table' } as const;

/** Throws `object-not-found`, and `usage` for what is no name or is ambiguous. */
export async function findNamed(
  source: BucketSource,
  asked: readonly string[] | undefined,
  kind: ObjectKind,
  text: string,
): Promise<NamedObject> {
  const domains = await chosenDomains(source, asked);
  const found: NamedObject[] = [];
  for (const domain of domains) {
    const object = await findIn(source.view.store, source.view.prefixOf(domain), kind, text);
    if (object !== undefined) found.push({ domain, ...object });
  }
  const [only, ...others] = found;
  const what = `${kindTexts[kind]} ${text}`;
  if (only === undefined) {
    throw new EngineError('object-not-found', `the bucket has no ${what} of ${domains.join(', ')}`, {
      hint: `cloudtopics metastore ${kind} list; name the domain with --domain`,
    });
  }
  if (others.length > 0) {
    const names = found.map(({ domain }) => domain).join(', ');
    throw new EngineError('usage', `${names} each have a ${what}`, { hint: `add --domain ${only.domain}` });
  }
  return only;
}

async function findIn(
  store: ObjectStore,
  prefix: string,
  kind: ObjectKind,
  text: string,
): Promise<{ name: TableName; info: ObjectInfo } | undefined> {
  const name = parseName(text);
  if (name !== undefined) {
    const info = await store.head((kind === 'sst' ? tableKey : manifestKey)(prefix, name));
    return info === undefined ? undefined : { name, info };
  }
  if (!/^\d{1,15}$/.test(text)) {
    throw new EngineError('usage', `"${text}" is neither a name nor a number of a ${kindTexts[kind]}`, {
      hint: 'write 0000000001-0000000002-0000000000000003, or 3',
    });
  }
  return newestOfNumber(store, `${prefix}${kind}/`, Number(text));
}

async function newestOfNumber(
  store: ObjectStore,
  below: string,
  number: number,
): Promise<{ name: TableName; info: ObjectInfo } | undefined> {
  let newest: { name: TableName; info: ObjectInfo } | undefined;
  for await (const info of store.list({ prefix: below })) {
    const name = parseName(info.key.slice(below.length));
    if (name?.number !== number) continue;
    if (newest === undefined || compareNames(name, newest.name) > 0) newest = { name, info };
  }
  return newest;
}
