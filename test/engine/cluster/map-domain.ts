// A domain in a map: what the control state is tested on. Writes can be held back or made to fail, with or without effect.

import type { Domain, DomainChange, DomainRow, ScanOptions } from '../../../src/engine/domain/domain.ts';

export type WriteFault = 'refuse' | 'apply, then fail';

export class MapDomain implements Domain {
  readonly name = 'control';
  readonly rows = new Map<string, Buffer>();
  writes = 0;
  flushes = 0;
  /** Taken by the next write. */
  fault: WriteFault | undefined;
  /** While set, writes wait for it before they are applied. */
  gate: Promise<void> | undefined;

  async get(key: string): Promise<Buffer | undefined> {
    return this.rows.get(key);
  }

  async scan({ prefix = '', after = '', limit = Number.POSITIVE_INFINITY }: ScanOptions): Promise<DomainRow[]> {
    return [...this.rows]
      .filter(([key]) => key.startsWith(prefix) && key > after)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([key, value]) => ({ key, value }));
  }

  async write(changes: readonly DomainChange[]): Promise<void> {
    this.writes++;
    const { fault } = this;
    this.fault = undefined;
    await this.gate;
    if (fault === 'refuse') throw new Error('the write was refused');
    for (const { key, value } of changes) {
      if (value === undefined) this.rows.delete(key);
      else this.rows.set(key, Buffer.from(value));
    }
    if (fault === 'apply, then fail') throw new Error('nobody knows what became of the write');
  }

  async flush(): Promise<void> {
    this.flushes++;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
