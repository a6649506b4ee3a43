// Checks the byte accounts of L1 objects against the extents of a whole domain, and a listing of the store against all domains.
//
// There is no way from an object to its extents, so a call takes a page of objects and goes over every extent of the domain once:
// larger pages cost memory, smaller ones time. All calls of one check must see the same state.

import type { DomainReads } from '../domain/domain.ts';
import { decodeExtentRow } from './extent-row-format.ts';
import { extentKeyPrefix, type ObjectId, objectKey, objectKeyPrefix, partitionKey } from './metastore-key-format.ts';
import { isCollectable } from './object-lifecycle.ts';
import { decodeObjectRow, type ObjectRow } from './object-row-format.ts';
import { scanAll } from './row-reads.ts';
import { type Anomaly, decodeOrReport, scanOrReport } from './validation.ts';

export interface ObjectCheck {
  readonly anomalies: readonly Anomaly[];
  /** Objects of this page that nothing uses: the collector may take them. */
  readonly collectable: readonly ObjectId[];
  /** The key to go on after; undefined when all objects were checked. */
  readonly position: string | undefined;
}

export async function validateObjects(
  reads: DomainReads,
  { position, objectsMax }: { readonly position?: string; readonly objectsMax: number },
): Promise<ObjectCheck> {
  const anomalies: Anomaly[] = [];
  const bounds = { prefix: objectKeyPrefix, limit: objectsMax, ...(position === undefined ? {} : { after: position }) };
  const page = await scanOrReport(reads, bounds, decodeObjectRow, anomalies);
  const inUse = new Map<ObjectId, number>(page.rows.map((row) => [row.objectId, 0]));
  await addExtents(reads, inUse, position === undefined ? anomalies : []);
  for (const row of page.rows) checkAccount(row, inUse.get(row.objectId) as number, anomalies);
  return {
    anomalies,
    collectable: page.rows.filter(isCollectable).map((row) => row.objectId),
    position: page.isFull ? page.lastKey : undefined,
  };
}

/** Sums up the bytes in use of the objects in the map. Reports, on the way, extents of partitions that have no row. */
async function addExtents(reads: DomainReads, inUse: Map<ObjectId, number>, anomalies: Anomaly[]): Promise<void> {
  let partition = '';
  for await (const row of scanAll(reads, { prefix: extentKeyPrefix })) {
    const extent = decodeOrReport(row, decodeExtentRow, anomalies);
    if (extent === undefined) continue;
    const bytes = inUse.get(extent.objectId);
    if (bytes !== undefined) inUse.set(extent.objectId, bytes + extent.length);
    const key = partitionKey(extent);
    if (key === partition) continue;
    partition = key;
    if ((await reads.get(key)) !== undefined) continue;
    anomalies.push({ name: 'partition_row_missing', key, detail: `there is an extent at ${extent.baseOffset}` });
  }
}

function checkAccount(row: ObjectRow, bytesInUse: number, anomalies: Anomaly[]): void {
  const key = objectKey(row.objectId);
  const accounted = row.totalBytes - row.removedBytes;
  const says = `${row.totalBytes} bytes in all, ${row.removedBytes} removed`;
  if (accounted !== bytesInUse && bytesInUse === 0 && accounted > 0) {
    anomalies.push({ name: 'object_unreferenced', key, detail: `no extent lies in it, but its row says ${says}` });
  } else if (accounted !== bytesInUse || (row.state === 'preregistered' && row.totalBytes > 0)) {
    const detail = `extents use ${bytesInUse} bytes of it, its row says ${says} (${row.state})`;
    anomalies.push({ name: 'object_accounting_mismatch', key, detail });
  }
}

/** Objects of a listing of level_one/ that no domain knows: the collector's, once they are old enough. */
export async function* unknownObjects(
  domains: readonly DomainReads[],
  listing: AsyncIterable<ObjectId> | Iterable<ObjectId>,
): AsyncGenerator<Anomaly> {
  for await (const id of listing) {
    const key = objectKey(id);
    const rows = await Promise.all(domains.map((domain) => domain.get(key)));
    if (rows.some((row) => row !== undefined)) continue;
    yield { name: 'object_unknown', key, detail: 'it is in the store, and no domain has a row of it' };
  }
}
