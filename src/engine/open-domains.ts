// Opens the domains of a broker, each answering only as the owner of the cluster, and closes them all.
//
// Stopping: what the log alone has goes to the bucket first, so that after an orderly stop the bucket has everything. That is bounded in
// time and never fails: a store that is away does not keep a broker from stopping, and the log has it all the same.

import { join } from 'node:path';
import type { Clock } from './base/clock.ts';
import { toEngineError } from './base/errors.ts';
import type { Logger } from './base/logger.ts';
import type { Random } from './base/random.ts';
import type { BrokerConfig } from './cluster/broker-config.ts';
import { OwnedDomain } from './cluster/owned-domain.ts';
import type { Ownership } from './cluster/ownership.ts';
import { type FlushPolicy, type LsmDomain, openLsmDomain } from './domain/domain.ts';
import { defaultLsmRules, type LsmRules, type OpenCaches, openLsmCaches } from './lsm/lsm.ts';
import type { ReplicatedLog } from './replicated-log/replicated-log.ts';
import type { ObjectStore } from './store/object-store.ts';

export interface DomainServices {
  readonly dataDirectory: string;
  readonly log: ReplicatedLog;
  readonly store: ObjectStore;
  readonly ownership: Ownership;
  readonly config: BrokerConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface WantedDomain {
  readonly name: string;
  readonly flush: FlushPolicy;
}

export interface OpenDomain {
  /** What everybody uses. */
  readonly owned: OwnedDomain;
  readonly inner: LsmDomain;
}

/** How long a stop waits for what is under way, when the bucket has had its time: as long again, within these bounds. */
const stopCloseMsMin = 1_000;
const stopCloseMsMax = 5_000;

export class OpenDomains implements AsyncDisposable {
  readonly #services: DomainServices;
  readonly #rules: LsmRules;
  readonly #open: OpenDomain[] = [];
  readonly caches: OpenCaches;

  private constructor(services: DomainServices, caches: OpenCaches) {
    const { config } = services;
    this.#services = services;
    this.caches = caches;
    this.#rules = {
      ...defaultLsmRules,
      memtableBytesMax: config.number('cloudtopics.domain.memtable.bytes'),
      compression: config.text('cloudtopics.domain.compression') === 'none' ? 'none' : 'zstd',
    };
  }

  /** Opens the caches that all domains share, and no domain yet. */
  static async prepare(services: DomainServices): Promise<OpenDomains> {
    const { config, clock, logger, dataDirectory } = services;
    const diskBytes = config.number('cloudtopics.domain.disk.cache.bytes');
    const caches = await openLsmCaches({
      blockBytesMax: config.number('cloudtopics.domain.cache.bytes'),
      ...(diskBytes === 0 ? {} : { disk: { directory: join(dataDirectory, 'cache'), bytesMax: diskBytes } }),
      clock,
      logger,
    });
    return new OpenDomains(services, caches);
  }

  /** All that are open, in the order in which they were asked for. */
  get all(): readonly OpenDomain[] {
    return this.#open;
  }

  /** At the same time, because each may have to ask the bucket. */
  async open(wanted: readonly WantedDomain[]): Promise<readonly OpenDomain[]> {
    const opened = await Promise.allSettled(wanted.map((one) => this.#openOne(one)));
    const domains = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    this.#open.push(...domains);
    const failed = opened.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return domains;
  }

  async #openOne({ name, flush }: WantedDomain): Promise<OpenDomain> {
    const { log, store, ownership, clock, random, logger } = this.#services;
    const inner = await openLsmDomain({
      name,
      log,
      store,
      clusterId: ownership.clusterId,
      incarnation: ownership.incarnation,
      caches: this.caches,
      rules: this.#rules,
      clock,
      random,
      logger,
      flush,
      // Before anything goes to the bucket: at once within the lease, else OWNER is read again.
      confirmOwnership: () => ownership.confirm(),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    });
    return { owned: new OwnedDomain(inner, ownership), inner };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { config, logger } = this.#services;
    const flushMsMax = config.number('cloudtopics.stop.flush.ms');
    const flushed = await this.#within(flushMsMax, ({ owned }) => owned.flush());
    if (flushed.length > 0) {
      const message = 'not everything could be written to the bucket; the rest is in the log of the data directory';
      logger.warn({ domains: flushed.join(', ') }, message);
    }
    const closeMsMax = Math.max(stopCloseMsMin, Math.min(stopCloseMsMax, flushMsMax));
    const closed = await this.#within(closeMsMax, ({ owned }) => owned[Symbol.asyncDispose]());
    if (closed.length > 0) logger.warn({ domains: closed.join(', ') }, 'calls to the store are given up');
    await this.caches[Symbol.asyncDispose]();
  }

  /** Does it for all domains at the same time; returns the names of those it failed for or that took too long. */
  async #within(limitMs: number, work: (domain: OpenDomain) => Promise<void>): Promise<string[]> {
    const { clock, logger } = this.#services;
    const left = new Set(this.#open.map(({ owned }) => owned.name));
    const done = this.#open.map(async (domain) => {
      const { name } = domain.owned;
      try {
        await work(domain);
        left.delete(name);
      } catch (error) {
        logger.debug({ domain: name, error: toEngineError(error).message }, 'a domain is stopped as it is');
      }
    });
    const { promise: outOfTime, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(limitMs, resolve);
    await Promise.race([Promise.all(done), outOfTime]);
    timer.cancel();
    return [...left];
  }
}
