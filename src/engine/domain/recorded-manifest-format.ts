// The snapshot of a domain's log group, as bytes: which manifest is the state of the domain as of the snapshot's index. That it is
// in the log under the current term is what makes a flush count. Format page: docs/formats/domain-log.md.
//
//   recorded = magic "CTDM" version:u16 crc:u32 incarnation:i64 term:u32 number:i64 sizeBytes:i64 manifestCrc:u32
//              prefixLength:u16 prefix
// The prefix is the domain's place in the bucket: a log that was put beside another bucket is noticed.

import { incarnation, term } from '../base/ids.ts';
import type { ManifestRef } from '../lsm/lsm.ts';
import { beginChecked, finishChecked, openChecked } from './checked-format.ts';

export const recordedManifestMagic = 'CTDM';
const version = 1;

export interface RecordedManifest {
  readonly ref: ManifestRef;
  /** "<cluster id>/domain/<name>/". */
  readonly prefix: string;
}

export function encodeRecordedManifest({ ref, prefix }: RecordedManifest): Buffer {
  const { name, sizeBytes, crc } = ref;
  const writer = beginChecked(recordedManifestMagic, version);
  writer.i64(name.incarnation).u32(name.term).i64(name.number).i64(sizeBytes).u32(crc);
  writer.u16(Buffer.byteLength(prefix)).text(prefix);
  return finishChecked(writer);
}

export function decodeRecordedManifest(bytes: Uint8Array, what: string): RecordedManifest {
  const reader = openChecked(bytes, recordedManifestMagic, version, what);
  const natural = (): number => {
    const value = reader.i64();
    if (value < 0) throw reader.corrupt(`a negative number, ${value}`);
    return value;
  };
  const name = { incarnation: incarnation(natural()), term: term(reader.u32()), number: natural() };
  const ref = { name, sizeBytes: natural(), crc: reader.u32() };
  const prefix = reader.text(reader.u16());
  if (reader.remaining > 0) throw reader.corrupt('bytes behind the prefix');
  return { ref, prefix };
}
