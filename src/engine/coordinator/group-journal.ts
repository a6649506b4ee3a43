// The way of rows into one domain: in the order of the calls, as many as have gathered in one write (group commit).
//
// - one write is in flight at a time, so that of two commits of one partition the later one always wins
// - a call resolves when all its rows are durable. One that is larger than a write is split: its rows keep their order, but
//   are then not atomic; the error of any part is the error of the call
// - a failed write fails the calls in it and nobody else
// What it refuses: rows beyond the limit of waiting bytes (`coordinator-not-available`), a single row beyond the size of a
// write (`entry-too-large`).

import { EngineError, toEngineError } from '../base/errors.ts';
import type { Domain, DomainChange } from '../domain/domain.ts';

/** Well below the 1 MiB of a log entry, which also holds the domain's own framing. */
export const journalWriteBytesMax = 900 * 1024;
/** What a change costs beside key and value. */
const changeOverheadBytes = 32;

interface Part {
  readonly changes: readonly DomainChange[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: EngineError) => void;
}

export class GroupJournal {
  readonly #domain: Domain;
  #waiting: Part[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;

  constructor(domain: Domain) {
    this.#domain = domain;
  }

  /** Everything is queued, or refused, before the call returns. */
  async write(changes: readonly DomainChange[], pendingBytesMax: number): Promise<void> {
    const parts = split(changes);
    let bytes = 0;
    for (const part of parts) bytes += part.bytes;
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > pendingBytesMax) {
      throw new EngineError('coordinator-not-available', `${this.#domain.name}: too many rows wait to become durable`, {
        context: { pendingBytes: this.#pendingBytes, pendingBytesMax },
      });
    }
    const written = parts.map(
      (part) =>
        new Promise<void>((resolve, reject) => {
          this.#pendingBytes += part.bytes;
          this.#waiting.push({ ...part, resolve, reject });
        }),
    );
    this.#writing ??= this.#writeAll();
    // Every part has settled before the call does, so that nothing of it arrives after its error.
    for (const outcome of await Promise.allSettled(written)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
  }

  /** Resolves when everything that is queued now has settled. */
  async settled(): Promise<void> {
    await this.write([], Number.POSITIVE_INFINITY).catch(() => {});
  }

  async #writeAll(): Promise<void> {
    // One turn later, so that the requests of one turn share a write.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#writeSome(this.#take());
    this.#writing = undefined;
  }

  #take(): Part[] {
    let bytes = 0;
    let count = 0;
    for (const part of this.#waiting) {
      if (count > 0 && bytes + part.bytes > journalWriteBytesMax) break;
      bytes += part.bytes;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #writeSome(parts: readonly Part[]): Promise<void> {
    // Of two changes of one key the later one counts; a domain need not know that.
    const changes = new Map<string, DomainChange>();
    for (const part of parts) {
      for (const change of part.changes) changes.set(change.key, change);
    }
    let failure: EngineError | undefined;
    try {
      if (changes.size > 0) await this.#domain.write([...changes.values()]);
    } catch (error) {
      failure = toEngineError(error);
    }
    for (const part of parts) {
      this.#pendingBytes -= part.bytes;
      if (failure === undefined) part.resolve();
      else part.reject(failure);
    }
  }
}

function split(changes: readonly DomainChange[]): { changes: DomainChange[]; bytes: number }[] {
  const parts = [{ changes: [] as DomainChange[], bytes: 0 }];
  for (const change of changes) {
    const bytes = Buffer.byteLength(change.key) + (change.value?.length ?? 0) + changeOverheadBytes;
    if (bytes > journalWriteBytesMax) {
      throw new EngineError('entry-too-large', `row ${change.key} has ${bytes} bytes`, {
        context: { bytes, bytesMax: journalWriteBytesMax },
      });
    }
    let part = parts.at(-1)!;
    if (part.changes.length > 0 && part.bytes + bytes > journalWriteBytesMax) {
      part = { changes: [], bytes: 0 };
      parts.push(part);
    }
    part.changes.push(change);
    part.bytes += bytes;
  }
  return parts;
}
