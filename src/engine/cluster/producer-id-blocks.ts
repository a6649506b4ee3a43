// Producer ids, each handed out once in the life of the cluster. A block of 1,000 ids is durable before the first of them is
// given away; what is left of a block at a restart is skipped.

import type { Domain } from '../domain/domain.ts';
import { decodeCounterRow, encodeCounterRow, producerIdKey } from './control-format.ts';

export const producerIdBlockSize = 1_000;

export class ProducerIdBlocks {
  readonly #domain: Domain;
  #next = 0;
  #end = 0;
  #refill: Promise<void> | undefined;

  constructor(domain: Domain) {
    this.#domain = domain;
  }

  /** A fresh id. Rejects with the domain's error when no block could be made durable; the next call tries again. */
  async next(): Promise<number> {
    while (this.#next === this.#end) {
      this.#refill ??= this.#takeBlock().finally(() => {
        this.#refill = undefined;
      });
      await this.#refill;
    }
    return this.#next++;
  }

  /** The counter is read again each time, so a write whose outcome was unknown only skips ids. */
  async #takeBlock(): Promise<void> {
    const stored = await this.#domain.get(producerIdKey);
    const first = stored === undefined ? 0 : decodeCounterRow(producerIdKey, stored);
    const end = first + producerIdBlockSize;
    await this.#domain.write([{ key: producerIdKey, value: encodeCounterRow(end) }]);
    this.#next = first;
    this.#end = end;
  }
}
