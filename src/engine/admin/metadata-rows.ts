// Rows out of a source of metadata: scanned over several domains, or one looked for in them.

import { pagedRows } from '../audit/audit.ts';
import { EngineError } from '../base/errors.ts';
import {
  chosenDomains,
  type MetadataSource,
  type PicturedDomain,
  type PictureMoment,
  type SourcePlace,
} from './metadata-source.ts';

export interface RowBounds {
  readonly prefix: string | undefined;
  readonly after: string | undefined;
  readonly limit: number | undefined;
}

export interface FoundRow {
  readonly domain: string;
  readonly key: string;
  readonly value: Buffer;
}

export interface DomainScan {
  readonly place: SourcePlace;
  readonly moments: readonly PictureMoment[];
  /** Domains that the bucket has nothing of yet. */
  readonly unflushed: readonly string[];
  readonly rows: AsyncIterable<FoundRow>;
  /** Whether the limit ended it while there were more rows; known at its end. */
  readonly cutShort: boolean;
}

/** What was opened of several domains, in the order they were asked for. */
export interface OpenedDomains {
  readonly domains: readonly PicturedDomain[];
  readonly moments: readonly PictureMoment[];
  readonly unflushed: readonly string[];
}

export async function openDomains(
  source: MetadataSource,
  asked: readonly string[] | undefined,
): Promise<OpenedDomains> {
  const domains: PicturedDomain[] = [];
  const unflushed: string[] = [];
  for (const name of await chosenDomains(source, asked)) {
    const domain = await source.domain(name);
    if (domain === undefined) unflushed.push(name);
    else domains.push(domain);
  }
  return { domains, moments: domains.map(({ moment }) => moment), unflushed };
}

export async function scanDomains(
  source: MetadataSource,
  asked: readonly string[] | undefined,
  bounds: RowBounds,
): Promise<DomainScan> {
  const { domains, moments, unflushed } = await openDomains(source, asked);
  const limit = bounds.limit ?? Number.POSITIVE_INFINITY;
  let cutShort = false;
  const rows = async function* (): AsyncGenerator<FoundRow> {
    let count = 0;
    for (const { name, reads } of domains) {
      // One row beyond the limit tells whether it cut anything.
      const wanted = {
        ...definedBounds(bounds),
        ...(limit === Number.POSITIVE_INFINITY ? {} : { limit: limit - count + 1 }),
      };
      for await (const { key, value } of pagedRows(reads, wanted)) {
        if (count === limit) {
          cutShort = true;
          return;
        }
        count++;
        yield { domain: name, key, value };
      }
    }
  };
  return {
    place: source.place,
    moments,
    unflushed,
    rows: rows(),
    get cutShort() {
      return cutShort;
    },
  };
}

const definedBounds = ({ prefix, after }: RowBounds) => ({
  ...(prefix === undefined ? {} : { prefix }),
  ...(after === undefined ? {} : { after }),
});

/** Throws `row-not-found` where no domain of those has it. */
export async function getRow(
  source: MetadataSource,
  asked: readonly string[] | undefined,
  key: string,
): Promise<{ readonly moment: PictureMoment; readonly value: Buffer }> {
  const { domains, unflushed } = await openDomains(source, asked);
  for (const { reads, moment } of domains) {
    const value = await reads.get(key);
    if (value !== undefined) return { moment, value };
  }
  const names = domains.map(({ name }) => name);
  const where = names.length === 0 ? 'nothing was flushed to the bucket yet' : `not in ${names.join(', ')}`;
  throw new EngineError('row-not-found', `there is no row ${JSON.stringify(key)}: ${where}`, {
    context: { key, ...(unflushed.length === 0 ? {} : { unflushed: unflushed.join(', ') }) },
    hint: 'name its domain with --domain; cloudtopics metastore scan --prefix … shows what there is',
  });
}
