// Builds one L1 object and uploads it while it is built.

import { EngineError } from '../base/errors.ts';
import type { Offset, TimestampMs, TopicId } from '../base/ids.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { L1BuiltSection, L1Kind } from './l1-object-format.ts';

export interface L1BuilderOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly topicId: TopicId;
  readonly objectId: string;
  readonly kind: L1Kind;
  readonly createdMs: number;
  /** 16 MiB by default; at most two parts in memory. */
  readonly partBytes: number;
  /** About 1 MiB: one index entry and one checksum each. */
  readonly indexBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Named crash points: 'part' before each part is sent, 'complete' before the last call. */
  readonly step?: ((name: string) => Promise<void> | void) | undefined;
}

export interface L1BuiltObject {
  readonly sizeBytes: number;
  readonly footerPosition: number;
  readonly sections: readonly L1BuiltSection[];
}

const soon = (): never => {
  throw new EngineError('bug', 'not there yet');
};

/** Sections must come in order of partition, then offset. */
export class L1ObjectBuilder {
  readonly options: L1BuilderOptions;

  constructor(options: L1BuilderOptions) {
    this.options = options;
  }

  /** Bytes added so far. */
  get sizeBytes(): number {
    return soon();
  }

  beginSection(_partition: number, _baseOffset: Offset): void {
    soon();
  }

  add(_batch: Buffer): Promise<void> {
    return soon();
  }

  endSection(_lastOffset: Offset, _maxTimestampFloor?: TimestampMs): L1BuiltSection | undefined {
    return soon();
  }

  finish(): Promise<L1BuiltObject> {
    return soon();
  }

  abort(): Promise<void> {
    return soon();
  }
}
