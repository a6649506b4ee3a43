// Where the metadata commands read: the bucket, or a live broker. Both give domains through DomainReads, and each domain says of
// which moment it is.

import { EngineError } from '../base/errors.ts';
import type { DomainReads } from '../domain/domain.ts';

/** Which picture it is. Goes into the output as it stands. */
export type SourcePlace =
  | {
      readonly kind: 'bucket';
      readonly store: string;
      readonly cluster: string;
      readonly clusterId: string;
      readonly incarnation: number;
    }
  | { readonly kind: 'live'; readonly admin: string; readonly clusterId: string };

export interface PictureMoment {
  readonly domain: string;
  /** Name of the manifest that is shown; null for what a broker has right now. */
  readonly manifest: string | null;
  /** When that was the state: the manifest's time, or now. RFC 3339. */
  readonly time: string;
  /** By this machine's clock; never below 0. */
  readonly ageMs: number;
}

export interface PicturedDomain {
  readonly name: string;
  readonly reads: DomainReads;
  readonly moment: PictureMoment;
}

export interface MetadataSource extends AsyncDisposable {
  readonly place: SourcePlace;
  /** control, groups/0 …, metastore/0 … */
  domainNames(): Promise<readonly string[]>;
  /** Undefined: the bucket has nothing of it yet. Throws `domain-not-found` where the cluster has no such domain. */
  domain(name: string): Promise<PicturedDomain | undefined>;
}

/** What is meant where no domain is named. */
export type DomainDefault = 'metastore' | 'all';

/** The names that were asked for, each known; all metastore domains, or simply all, when none was. */
export async function chosenDomains(
  source: Pick<MetadataSource, 'domainNames'>,
  asked: readonly string[] = [],
  otherwise: DomainDefault = 'metastore',
): Promise<readonly string[]> {
  const names = await source.domainNames();
  if (asked.length === 0) return otherwise === 'all' ? names : names.filter((name) => name.startsWith('metastore/'));
  for (const name of asked) if (!names.includes(name)) throw noSuchDomain(name, names);
  return asked;
}

export function noSuchDomain(name: string, names: readonly string[]): EngineError {
  return new EngineError('domain-not-found', `the cluster has no domain ${name}`, {
    context: { domain: name },
    hint: names.length === 0 ? 'nothing was flushed to the bucket yet' : `the domains are ${names.join(', ')}`,
  });
}
