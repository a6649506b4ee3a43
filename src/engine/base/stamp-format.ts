// A stamp as it is written everywhere: in footers of L0 objects, placeholders and snapshots.
//
//   stamp := incarnation u32 term u32 attempt u32

import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { incarnation, type Stamp, term } from './ids.ts';

export function writeStamp(writer: ByteWriter, stamp: Stamp): void {
  writer.u32(stamp.incarnation).u32(stamp.term).u32(stamp.attempt);
}

export function readStamp(reader: ByteReader): Stamp {
  return { incarnation: incarnation(reader.u32()), term: term(reader.u32()), attempt: reader.u32() };
}
