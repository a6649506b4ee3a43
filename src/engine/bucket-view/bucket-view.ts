// The front door of the bucket view: a cluster as its bucket alone shows it, at the newest flushed state of each domain, or at a
// named one. It needs no log, no broker and no right to write, and says which manifest it shows.
//
// - manifests of incarnations above OWNER's are ignored: they are of an owner that has not taken over, or never will
// - a domain that was never flushed is told apart from one that is damaged: the first is undefined, the second an error
// - nothing is cached on disk; blocks of tables are kept in memory, bounded in bytes

import type { Clock } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { Incarnation } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import { findCluster, readOwner } from '../cluster/cluster.ts';
import { type DomainView, domainPrefix, openDomainView } from '../domain/domain.ts';
import {
  BlockCache,
  BucketTables,
  type LsmCaches,
  type ManifestName,
  type TableName,
  type TableSource,
} from '../lsm/lsm.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { controlDomain, namesOfDomains, readDomainCounts } from './control-reads.ts';
import { listDomainNames } from './domain-listing.ts';

export { controlDomain, findTopicById, findTopicByName, readDomainCounts } from './control-reads.ts';

export interface BucketViewOptions {
  /** Stays open when the view is closed. */
  readonly store: ObjectStore;
  /** Name or id. */
  readonly cluster: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly blockCacheBytes?: number;
}

/** What OWNER says, as of when the view was opened. */
export interface ViewedCluster {
  readonly name: string;
  readonly clusterId: string;
  readonly incarnation: Incarnation;
  /** Start of the owner's process, RFC 3339. */
  readonly startedAt: string;
}

const blockCacheBytesDefault = 64 * 1024 * 1024;

export async function openBucketView(options: BucketViewOptions): Promise<BucketView> {
  const { store, cluster } = options;
  const found = await findCluster(store, cluster);
  if (found === undefined) {
    throw new EngineError('cluster-not-found', `${store.label} holds no cluster ${cluster}`, {
      context: { store: store.label, cluster },
      hint: 'give the right --store URL and --cluster NAME',
    });
  }
  const { clusterId } = found;
  const owned = await readOwner(store, clusterId);
  if (owned === undefined) {
    throw new EngineError('cluster-not-found', `cluster ${found.name} has a name but no OWNER in ${store.label}`, {
      context: { store: store.label, clusterId },
      hint: 'cloudtopics serve, which finishes a start that was cut off',
    });
  }
  const { incarnation, startedAt } = owned.owner;
  return new BucketView(options, { name: found.name, clusterId, incarnation, startedAt });
}

export class BucketView implements AsyncDisposable {
  readonly cluster: ViewedCluster;
  readonly store: ObjectStore;
  readonly #options: BucketViewOptions;
  readonly #caches: LsmCaches;
  readonly #newest = new Map<string, Promise<DomainView | undefined>>();
  readonly #opened: DomainView[] = [];

  constructor(options: BucketViewOptions, cluster: ViewedCluster) {
    this.cluster = cluster;
    this.store = options.store;
    this.#options = options;
    this.#caches = { blocks: new BlockCache(options.blockCacheBytes ?? blockCacheBytesDefault), disk: undefined };
  }

  /** "<cluster id>/domain/<name>/" */
  prefixOf(name: string): string {
    return domainPrefix(this.cluster.clusterId, name);
  }

  /** Undefined when the bucket has no manifest of the domain: it was never flushed. Each is opened once. */
  domain(name: string, manifest?: ManifestName): Promise<DomainView | undefined> {
    if (manifest !== undefined) return this.#open(name, manifest);
    const known = this.#newest.get(name);
    if (known !== undefined) return known;
    const opening = this.#open(name);
    this.#newest.set(name, opening);
    return opening;
  }

  /** As control says; what the bucket has something of, where control was never flushed or does not say. */
  async domainNames(): Promise<readonly string[]> {
    const control = await this.domain(controlDomain);
    const counts = control === undefined ? undefined : await readDomainCounts(control);
    return counts === undefined ? this.listedDomainNames() : namesOfDomains(counts);
  }

  /** Those that the bucket has objects of, sorted; asks nothing of control, so it works beside a damaged one too. */
  listedDomainNames(): Promise<string[]> {
    return listDomainNames(this.store, this.cluster.clusterId);
  }

  /** The bytes of a table of a domain, for who inspects them. */
  tableSource(domain: string, table: TableName, sizeBytes: number): TableSource {
    const { store } = this;
    const { logger } = this.#options;
    return new BucketTables({ store, prefix: this.prefixOf(domain), caches: this.#caches, logger }).source(
      table,
      sizeBytes,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const view of this.#opened) await view[Symbol.asyncDispose]();
  }

  async #open(name: string, manifest?: ManifestName): Promise<DomainView | undefined> {
    const { logger } = this.#options;
    const view = await openDomainView({
      store: this.store,
      clusterId: this.cluster.clusterId,
      name,
      incarnation: this.cluster.incarnation,
      caches: this.#caches,
      logger,
      ...(manifest === undefined ? {} : { manifest }),
    });
    if (view !== undefined) this.#opened.push(view);
    return view;
  }
}
