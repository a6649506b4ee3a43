// A whole check of the metadata: `metastore verify`. Opens what is checked and pins it: the manifests, so that a run that goes on later
// looks at the same state. What it says is a sequence of lines, the same for the report and for --json.
//
// Rows come from the bucket or from a live broker; tables and objects always from the bucket, where there is one.

import {
  type CheckCounts,
  type CheckedDomain,
  type CheckFinding,
  type CheckPosition,
  type CheckStep,
  checkMetadata,
  type FoundCounts,
} from '../audit/audit.ts';
import type { Clock } from '../base/clock.ts';
import { EngineError, hasCode } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import { controlDomain, findTopicById, findTopicByName } from '../bucket-view/bucket-view.ts';
import type { DomainReads } from '../domain/domain.ts';
import { parseName, type TableName } from '../lsm/lsm.ts';
import { isUuid } from '../metastore/metastore-key-format.ts';
import type { BucketSource } from './bucket-source.ts';
import { chosenDomains, type MetadataSource, type PictureMoment, type SourcePlace } from './metadata-source.ts';

/** What is checked. Kept in the report, so that a later run checks the same. */
export interface VerifyScope {
  readonly domains: readonly string[];
  readonly topic: string | null;
  readonly topicId: TopicId | null;
  readonly checkObjects: boolean;
  readonly checkStorage: boolean;
}

export interface VerifyBegin {
  readonly schema: 'cloudtopics/verify-begin/v1';
  /** RFC 3339. */
  readonly started: string;
  readonly view: SourcePlace & { readonly domains: readonly PictureMoment[] };
  readonly scope: VerifyScope;
  /** Domains that the bucket has nothing of yet. */
  readonly unflushed: readonly string[];
}

export type VerifyFinding = { readonly schema: 'cloudtopics/verify-finding/v1' } & CheckFinding;

export interface VerifyPosition {
  readonly schema: 'cloudtopics/verify-position/v1';
  readonly position: CheckPosition;
  readonly checked: CheckCounts;
  readonly found: FoundCounts;
}

export interface VerifyEnd {
  readonly schema: 'cloudtopics/verify-end/v1';
  readonly finished: string;
  /** False: a limit or an interruption ended it, and it can go on from the last position. */
  readonly complete: boolean;
  readonly checked: CheckCounts;
  readonly found: FoundCounts;
}

export type VerifyLine = VerifyBegin | VerifyFinding | VerifyPosition | VerifyEnd;

export interface VerifyRequest {
  readonly domains: readonly string[] | undefined;
  /** Name or id. */
  readonly topic: string | undefined;
  readonly checkObjects: boolean;
  readonly checkStorage: boolean;
}

/** Where an earlier run ended, out of its report. */
export interface VerifyResume {
  readonly begin: VerifyBegin;
  /** Undefined: it ended before its first position. */
  readonly reached: VerifyPosition | undefined;
}

export interface VerifySources {
  /** Where rows are read. */
  readonly source: MetadataSource;
  /** Where tables and objects are read; undefined: they are not checked. */
  readonly bucket: BucketSource | undefined;
}

/** By the store's clock and the broker's: how far they may be apart, and how long a flush may take. */
const clockMarginMs = 5 * 60 * 1000;

export class Verification {
  readonly begin: VerifyBegin;
  readonly checked: CheckCounts = { tables: 0, rows: 0, partitions: 0, objects: 0, extents: 0, storedObjects: 0 };
  readonly found: FoundCounts = { damage: 0, error: 0, notice: 0 };
  /** Of opening; part of the steps of a run that began here. */
  readonly #early: readonly CheckFinding[];
  readonly #steps: AsyncGenerator<CheckStep>;

  private constructor(begin: VerifyBegin, early: readonly CheckFinding[], steps: AsyncGenerator<CheckStep>) {
    this.begin = begin;
    this.#early = early;
    this.#steps = steps;
  }

  static async open(
    sources: VerifySources,
    request: VerifyRequest,
    clock: Clock,
    resume?: VerifyResume,
  ): Promise<Verification> {
    const { source, bucket } = sources;
    const scope = resume?.begin.scope ?? (await scopeOf(source, request));
    if (scope.checkStorage && bucket === undefined) {
      throw new EngineError('usage', '--check-storage looks into the bucket', { hint: 'give --store URL too' });
    }
    if (bucket !== undefined && bucket.place.clusterId !== source.place.clusterId) {
      throw new EngineError('usage', 'the broker serves another cluster than the one in the bucket', {
        context: { broker: source.place.clusterId, bucket: bucket.place.clusterId },
        hint: 'name the bucket of this broker with --store and --cluster',
      });
    }
    if (resume !== undefined) checkSamePlace(resume.begin.view, source.place);
    const pinned = resume?.begin.view.domains;
    const opened = await openAll(sources, await namesToOpen(source, scope), pinned);
    const isChosen = ({ name }: { readonly name: string }): boolean => scope.domains.includes(name);
    const metastore = opened.domains.filter(({ name }) => name.startsWith('metastore/'));
    const nowMs = clock.nowMs();
    const steps = checkMetadata(
      {
        domains: opened.domains.filter(isChosen),
        metastore: metastore.map(({ reads }) => reads),
        topicId: scope.topicId ?? undefined,
        checkObjects: scope.checkObjects,
        storage:
          bucket !== undefined && scope.checkStorage
            ? {
                store: bucket.view.store,
                clusterId: bucket.view.cluster.clusterId,
                knownUpToMs: opened.isWhole ? opened.knownUpToMs - clockMarginMs : 0,
              }
            : undefined,
        live: source.place.kind === 'live',
        nowMs,
      },
      resume?.reached?.position,
    );
    const begin: VerifyBegin = resume?.begin ?? {
      schema: 'cloudtopics/verify-begin/v1',
      started: new Date(nowMs).toISOString(),
      view: { ...source.place, domains: opened.moments },
      scope,
      unflushed: opened.unflushed,
    };
    const early = opened.findings.filter(({ domain }) => domain !== null && scope.domains.includes(domain));
    const verification = new Verification(begin, resume?.reached === undefined ? early : [], steps);
    if (resume?.reached !== undefined) {
      Object.assign(verification.checked, resume.reached.checked);
      Object.assign(verification.found, resume.reached.found);
    }
    return verification;
  }

  /** Findings as they come; `position` after each step, for who wants to stop there. */
  async *steps(): AsyncGenerator<{ readonly findings: readonly VerifyFinding[]; readonly position?: VerifyPosition }> {
    if (this.#early.length > 0) yield { findings: this.#count(this.#early) };
    for await (const { findings, counted, position } of this.#steps) {
      for (const [name, count] of Object.entries(counted)) this.checked[name as keyof CheckCounts] += count;
      const shown = this.#count(findings);
      yield {
        findings: shown,
        position: {
          schema: 'cloudtopics/verify-position/v1',
          position,
          checked: { ...this.checked },
          found: { ...this.found },
        },
      };
    }
  }

  end(complete: boolean, nowMs: number): VerifyEnd {
    const { checked, found } = this;
    const finished = new Date(nowMs).toISOString();
    return { schema: 'cloudtopics/verify-end/v1', finished, complete, checked, found };
  }

  #count(findings: readonly CheckFinding[]): VerifyFinding[] {
    for (const { severity } of findings) this.found[severity]++;
    return findings.map((finding) => ({ schema: 'cloudtopics/verify-finding/v1', ...finding }));
  }
}

async function scopeOf(source: MetadataSource, request: VerifyRequest): Promise<VerifyScope> {
  const { topic, checkObjects, checkStorage } = request;
  const found = topic === undefined ? undefined : await topicOf(source, topic);
  const otherwise = found === undefined ? 'all' : 'metastore';
  return {
    domains: await chosenDomains(source, request.domains, otherwise),
    topic: found?.name ?? null,
    topicId: found?.id ?? null,
    checkObjects,
    checkStorage,
  };
}

async function topicOf(source: MetadataSource, nameOrId: string): Promise<{ name: string; id: TopicId }> {
  const control = await source.domain(controlDomain);
  const reads = control?.reads;
  const topic = !reads
    ? undefined
    : isUuid(nameOrId)
      ? await findTopicById(reads, nameOrId as TopicId)
      : await findTopicByName(reads, nameOrId);
  if (topic !== undefined) return topic;
  // A topic that was deleted may still have rows; they are found by its id.
  if (isUuid(nameOrId)) return { name: nameOrId, id: nameOrId as TopicId };
  throw new EngineError('unknown-topic-or-partition', `control has no topic ${nameOrId}`, {
    hint: 'cloudtopics metastore scan --domain control --prefix topic/',
  });
}

/** The chosen ones, and for the storage all of the metastore. */
async function namesToOpen(source: MetadataSource, { domains, checkStorage }: VerifyScope): Promise<string[]> {
  const all = checkStorage ? await chosenDomains(source) : [];
  return [...new Set([...domains, ...all])];
}

function checkSamePlace(then: SourcePlace, now: SourcePlace): void {
  if (then.kind === now.kind && then.clusterId === now.clusterId) return;
  throw new EngineError('usage', `the report is of a ${then.kind} view of cluster ${then.clusterId}`, {
    hint: 'name the same bucket or broker as then, or begin a new report',
  });
}

interface Opened {
  readonly domains: readonly CheckedDomain[];
  readonly moments: readonly PictureMoment[];
  readonly unflushed: readonly string[];
  readonly findings: readonly CheckFinding[];
  /** Every metastore domain could be opened: what none of them knows is unknown. */
  readonly isWhole: boolean;
  /** The oldest moment that is shown. */
  readonly knownUpToMs: number;
}

async function openAll(
  sources: VerifySources,
  names: readonly string[],
  pinned: readonly PictureMoment[] | undefined,
): Promise<Opened> {
  const domains: CheckedDomain[] = [];
  const moments: PictureMoment[] = [];
  const unflushed: string[] = [];
  const findings: CheckFinding[] = [];
  for (const name of names) {
    try {
      const opened = await openOne(sources, name, pinned);
      if (opened === undefined) unflushed.push(name);
      else {
        domains.push(opened.domain);
        moments.push(opened.moment);
      }
    } catch (error) {
      if (!hasCode(error, 'corrupt-object', 'object-not-found', 'unsupported-format')) throw error;
      if (pinned !== undefined) throw error;
      const key = String(error.context['key'] ?? name);
      findings.push({ severity: 'damage', name: 'manifest_unreadable', domain: name, key, detail: error.message });
    }
  }
  const knownUpToMs = Math.min(Number.MAX_SAFE_INTEGER, ...moments.map(({ time }) => Date.parse(time)));
  const isWhole = names.every((name) => !name.startsWith('metastore/') || domains.some((one) => one.name === name));
  return { domains, moments, unflushed, findings, isWhole, knownUpToMs };
}

async function openOne(
  { source, bucket }: VerifySources,
  name: string,
  pinned: readonly PictureMoment[] | undefined,
): Promise<{ readonly domain: CheckedDomain; readonly moment: PictureMoment } | undefined> {
  const then = pinned?.find(({ domain }) => domain === name);
  // What was not there when the check began is not looked at later either.
  if (pinned !== undefined && then === undefined) return undefined;
  const manifest = parseName(then?.manifest ?? '');
  const view = await bucket?.view.domain(name, manifest);
  const tables =
    view === undefined || bucket === undefined
      ? undefined
      : {
          manifest: view.manifest,
          source: (table: { readonly name: TableName; readonly sizeBytes: number }) =>
            bucket.view.tableSource(name, table.name, table.sizeBytes),
        };
  let reads: DomainReads | undefined = view;
  let moment = view === undefined ? undefined : bucket?.momentOf(name, view.manifest);
  if (source.place.kind === 'live') ({ reads, moment } = (await source.domain(name)) ?? { reads: undefined, moment });
  if (reads === undefined || moment === undefined) return undefined;
  return { domain: { name, reads, tables }, moment };
}
