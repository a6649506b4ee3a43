// A live broker as a source of metadata: what it has right now.

import type { Clock } from '../base/clock.ts';
import type { LiveDomains } from './live-domains.ts';
import { type MetadataSource, noSuchDomain, type PicturedDomain, type SourcePlace } from './metadata-source.ts';

export class LiveSource implements MetadataSource {
  readonly place: SourcePlace;
  readonly #live: LiveDomains;
  readonly #names: readonly string[];
  readonly #clock: Clock;

  private constructor(live: LiveDomains, clock: Clock, place: SourcePlace, names: readonly string[]) {
    this.place = place;
    this.#live = live;
    this.#names = names;
    this.#clock = clock;
  }

  static async open(live: LiveDomains, clock: Clock): Promise<LiveSource> {
    const { clusterId, domains } = await live.cluster();
    const names = domains.map(({ name }) => name);
    return new LiveSource(live, clock, { kind: 'live', admin: live.address, clusterId }, names);
  }

  async domainNames(): Promise<readonly string[]> {
    return this.#names;
  }

  async domain(name: string): Promise<PicturedDomain> {
    if (!this.#names.includes(name)) throw noSuchDomain(name, this.#names);
    const time = new Date(this.#clock.nowMs()).toISOString();
    return { name, reads: this.#live.reads(name), moment: { domain: name, manifest: null, time, ageMs: 0 } };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
