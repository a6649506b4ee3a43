// An L1 object that can be read: its footer is known.

import type { L1Footer } from './l1-object-format.ts';

export interface OpenObject {
  readonly objectId: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly footer: L1Footer;
  /** Its name in the disk cache. */
  readonly diskId: string;
}

/** The local copy of the footer has this number, which no chunk of an object reaches. */
export const footerOnDisk = 999_999_999;

/** Names a chunk of an object in memory. */
export const chunkId = (objectId: string, chunk: number): string => `${objectId}/${chunk}`;
