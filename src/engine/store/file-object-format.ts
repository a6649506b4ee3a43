// The trailer behind the content of every object in the file store: 16 bytes, so that the version tag travels with the file
// (inode and time do not do: an inode is used again within one tick of the clock). Page: docs/formats/file-store.md.
//
//   content … | "CTO" | version u8 = 1 | tag 12 random bytes

import { EngineError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';

export const trailerBytes = 16;
const magic = 'CTO';
const version = 1;

export function newTrailer(random: Random): Buffer {
  const trailer = Buffer.alloc(trailerBytes);
  trailer.write(magic, 0, 'latin1');
  trailer[magic.length] = version;
  trailer.set(random.bytes(trailerBytes - magic.length - 1), magic.length + 1);
  return trailer;
}

/** The etag in a trailer. Throws `corrupt-object`, or `unsupported-format` for a newer version. */
export function trailerEtag(trailer: Buffer, path: string): string {
  if (trailer.length !== trailerBytes || trailer.toString('latin1', 0, magic.length) !== magic) {
    throw new EngineError(
      'corrupt-object',
      `${path} is no object of this store, or is cut short: its trailer is missing`,
      {
        context: { path },
      },
    );
  }
  if (trailer[magic.length] !== version) {
    throw new EngineError(
      'unsupported-format',
      `${path} has file-store version ${trailer[magic.length]}, known is ${version}`,
      {
        context: { path },
      },
    );
  }
  return trailer.toString('hex', magic.length + 1);
}
