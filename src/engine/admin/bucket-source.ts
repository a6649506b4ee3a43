// A bucket as a source of metadata: opens its store so that nothing can be written, and the cluster in it.

import type { Clock } from '../base/clock.ts';
import { hasCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { type BucketView, openBucketView } from '../bucket-view/bucket-view.ts';
import { type Manifest, type ManifestName, nameText } from '../lsm/lsm.ts';
import { openStore } from '../store/store.ts';
import {
  type MetadataSource,
  noSuchDomain,
  type PicturedDomain,
  type PictureMoment,
  type SourcePlace,
} from './metadata-source.ts';

export interface BucketSourceOptions {
  readonly storeUrl: string;
  /** Name or id. */
  readonly cluster: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class BucketSource implements MetadataSource {
  readonly place: SourcePlace;
  readonly view: BucketView;
  readonly #clock: Clock;
  readonly #parts: AsyncDisposableStack;

  private constructor(view: BucketView, clock: Clock, parts: AsyncDisposableStack) {
    const { name, clusterId, incarnation } = view.cluster;
    this.place = { kind: 'bucket', store: view.store.label, cluster: name, clusterId, incarnation };
    this.view = view;
    this.#clock = clock;
    this.#parts = parts;
  }

  static async open(options: BucketSourceOptions): Promise<BucketSource> {
    const { storeUrl, clock } = options;
    await using parts = new AsyncDisposableStack();
    const store = parts.use(await openStore(storeUrl, { ...options, options: { readOnly: true } }));
    const view = parts.use(await openBucketView({ ...options, store }));
    return new BucketSource(view, clock, parts.move());
  }

  async domainNames(): Promise<readonly string[]> {
    try {
      return await this.view.domainNames();
    } catch (error) {
      // A damaged control domain must not hide the others from who looks at the damage.
      if (!hasCode(error, 'corrupt-object', 'object-not-found', 'unsupported-format')) throw error;
      return this.view.listedDomainNames();
    }
  }

  async domain(name: string, manifest?: ManifestName): Promise<PicturedDomain | undefined> {
    const opened = await this.view.domain(name, manifest);
    if (opened !== undefined) return { name, reads: opened, moment: this.momentOf(name, opened.manifest) };
    const names = await this.domainNames();
    if (!names.includes(name)) throw noSuchDomain(name, names);
    return undefined;
  }

  momentOf(domain: string, { name, createdMs }: Pick<Manifest, 'name' | 'createdMs'>): PictureMoment {
    return {
      domain,
      manifest: nameText(name),
      time: new Date(createdMs).toISOString(),
      ageMs: Math.max(0, this.#clock.nowMs() - createdMs),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync();
  }
}
