// A domain as the bucket alone shows it: rows as of its newest manifest, or of one that is named. Read-only, any process, no log.
//
// What it shows is a state that the domain had: all writes up to some entry of its log, and none behind. It may lack the writes that
// were not flushed yet. It stays readable for as long as its tables are in the bucket.

import type { Incarnation } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import {
  type LsmCaches,
  type LsmView,
  type Manifest,
  type ManifestName,
  type ManifestRef,
  newestManifest,
  openLsmView,
  readManifest,
} from '../lsm/lsm.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { DomainReads, DomainRow, ScanOptions } from './domain.ts';
import { domainPrefix } from './domain-opening.ts';
import { getRow, scanRows } from './row-scan.ts';

export interface DomainViewOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly name: string;
  /** The newest where not given. */
  readonly manifest?: ManifestName;
  /** The incarnation in OWNER: manifests of higher ones are not looked at. */
  readonly incarnation?: Incarnation;
  readonly caches: LsmCaches;
  readonly logger: Logger;
  /** Lets others run in a long scan. */
  readonly pause?: () => Promise<void>;
}

/**
 * Undefined where the bucket holds no manifest of the domain at all: it has never been flushed, or there is none. A named manifest
 * that is missing is `object-not-found`, a torn one `corrupt-object`; the newest one being torn never shows an older state.
 */
export async function openDomainView(options: DomainViewOptions): Promise<DomainView | undefined> {
  const { store, clusterId, name, manifest: named, incarnation, caches, logger } = options;
  const prefix = domainPrefix(clusterId, name);
  const found =
    named === undefined
      ? await newestManifest(store, prefix, incarnation === undefined ? {} : { atMost: incarnation })
      : await readManifest(store, prefix, named);
  if (found === undefined) return undefined;
  const view = await openLsmView({ store, prefix, manifest: found.manifest, caches, logger });
  return new DomainView(name, prefix, found.ref, view, options.pause ?? (async () => {}));
}

export class DomainView implements DomainReads, AsyncDisposable {
  readonly name: string;
  /** "<cluster id>/domain/<name>/". */
  readonly prefix: string;
  /** Size and checksum of the manifest object. */
  readonly ref: ManifestRef;
  readonly #view: LsmView;
  readonly #pause: () => Promise<void>;

  constructor(name: string, prefix: string, ref: ManifestRef, view: LsmView, pause: () => Promise<void>) {
    this.name = name;
    this.prefix = prefix;
    this.ref = ref;
    this.#view = view;
    this.#pause = pause;
  }

  get manifest(): Manifest {
    return this.#view.manifest;
  }

  get(key: string): Promise<Buffer | undefined> {
    return getRow(this.#view, key);
  }

  scan(options: ScanOptions): Promise<DomainRow[]> {
    return scanRows(this.#view, options, this.#pause);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#view[Symbol.asyncDispose]();
  }
}
