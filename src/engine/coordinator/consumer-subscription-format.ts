// The topics inside the metadata of a member of protocol type "consumer". Only this beginning of it concerns the coordinator;
// what follows (user data, owned partitions, generation, rack) is between the members.
//
//   version:int16 topics:[name:string16]:int32 …

import { ByteReader } from '../base/byte-reader.ts';

export const consumerProtocolType = 'consumer';

/** Undefined where the bytes are something else: a client may put there what it likes. */
export function subscribedTopicsOf(metadata: Buffer): readonly string[] | undefined {
  const reader = new ByteReader(metadata, 'consumer subscription');
  try {
    if (reader.i16() < 0) return undefined;
    const count = reader.i32();
    // Every topic takes two bytes at least: a count beyond that is not believed.
    if (count < 0 || count > reader.remaining / 2) return undefined;
    const topics: string[] = [];
    for (let index = 0; index < count; index++) topics.push(reader.text(reader.u16()));
    return topics;
  } catch {
    return undefined;
  }
}
