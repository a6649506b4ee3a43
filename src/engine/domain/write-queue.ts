// Writes that wait for the log, in order, as the entries that they will be. Bounded in bytes: what does not fit is refused.

import { EngineError, toEngineError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { uuidv4 } from '../base/uuid.ts';
import { type Change, checkChange, keyFromText } from '../lsm/lsm.ts';
import { logEntryBytesMax } from '../replicated-log/replicated-log.ts';
import type { DomainChange } from './domain.ts';
import { changeBytes, changeHeadBytes, encodeEntry, entryHeaderBytes } from './domain-entry-format.ts';

export interface WaitingWrite {
  readonly writeId: string;
  readonly changes: readonly Change[];
  readonly entry: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: EngineError) => void;
}

const appendBytesMax = 4 * 1024 * 1024;
const queueBytesMax = 64 * 1024 * 1024;

export class WriteQueue {
  readonly #domain: string;
  readonly #random: Random;
  #writes: WaitingWrite[] = [];
  #bytes = 0;

  constructor(domain: string, random: Random) {
    this.#domain = domain;
    this.#random = random;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#writes.length === 0;
  }

  /** One outcome per batch. A batch that is wrong harms only itself; behind one that finds the queue full none is taken. */
  add(batches: readonly (readonly DomainChange[])[]): Promise<void>[] {
    let full: EngineError | undefined;
    return batches.map((changes) => {
      if (changes.length === 0) return Promise.resolve();
      try {
        if (full !== undefined) throw full;
        const write = this.#prepare(changes);
        full = this.#fullFor(write.entry.length);
        if (full !== undefined) throw full;
        return new Promise<void>((resolve, reject) => {
          this.#writes.push({ ...write, resolve, reject });
          this.#bytes += write.entry.length;
        });
      } catch (error) {
        return Promise.reject(toEngineError(error));
      }
    });
  }

  /** As many as share an append; at least one. */
  take(): WaitingWrite[] {
    let count = 0;
    let bytes = 0;
    for (const { entry } of this.#writes) {
      if (count > 0 && bytes + entry.length > appendBytesMax) break;
      bytes += entry.length;
      count += 1;
    }
    this.#bytes -= bytes;
    return this.#writes.splice(0, count);
  }

  rejectAll(error: EngineError): void {
    this.#bytes = 0;
    for (const { reject } of this.#writes.splice(0)) reject(error);
  }

  #fullFor(bytes: number): EngineError | undefined {
    if (this.#bytes + bytes <= queueBytesMax) return undefined;
    return new EngineError('log-unavailable', `too many writes to domain ${this.#domain} wait for the log`, {
      context: { domain: this.#domain, queuedBytes: this.#bytes },
    });
  }

  #prepare(changes: readonly DomainChange[]): Omit<WaitingWrite, 'resolve' | 'reject'> {
    let bytes = entryHeaderBytes;
    for (const change of changes) {
      if (change.key === '' || !change.key.isWellFormed()) {
        throw new EngineError('usage', `not a key of a domain: ${JSON.stringify(change.key)}`);
      }
      bytes += changeBytes(change);
    }
    if (bytes > logEntryBytesMax) {
      const message = `a write of ${changes.length} changes to domain ${this.#domain} has ${bytes} bytes`;
      throw new EngineError('entry-too-large', message, {
        context: { domain: this.#domain, bytes, bytesMax: logEntryBytesMax },
      });
    }
    const writeId = uuidv4(this.#random);
    const entry = encodeEntry({ writeId, changes }, bytes);
    // The caller may use its buffers again while the write waits: the entry has a copy of them.
    let at = entryHeaderBytes;
    const own = changes.map((given): Change => {
      const key = keyFromText(given.key);
      const valueStart = at + changeHeadBytes + key.length + 4;
      at = given.value === undefined ? valueStart - 4 : valueStart + given.value.length;
      const change = { key, value: given.value === undefined ? undefined : entry.subarray(valueStart, at) };
      checkChange(change);
      return change;
    });
    return { writeId, changes: own, entry };
  }
}
