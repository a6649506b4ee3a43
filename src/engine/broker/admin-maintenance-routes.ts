// /v1/reconcile and /v1/compact: how the work on history stands, what it would do next, and the orders to do it, to pause and to
// resume.
//
// Answers are bounded: at most 10,000 partitions, or jobs, or outcomes; `more` says that something was left out, and where an answer
// can be gone on with, `after` does it. Only a few requests that read the metastore are worked on at a time. A client that goes away
// ends its waiting, and nothing of the work.

import { EngineError } from '../base/errors.ts';
import { type AdminAnswer, type AdminRequest, jsonAnswer, notAllowed, refusal } from './admin-answer.ts';
import { limitIn, refuseStrangers, switchIn } from './admin-query.ts';
import type {
  CompactRunResult,
  MaintenanceKind,
  MaintenanceOperations,
  MaintenanceScope,
  ReconciledTopic,
  ReconcileRunResult,
  ReconcileStatus,
} from './maintenance-operations.ts';

const pageMax = 10_000;
const readsMax = 4;

const routes = {
  '/v1/reconcile': 'GET',
  '/v1/reconcile/plan': 'GET',
  '/v1/reconcile/run': 'POST',
  '/v1/reconcile/pause': 'POST',
  '/v1/reconcile/resume': 'POST',
  '/v1/compact': 'GET',
  '/v1/compact/plan': 'GET',
  '/v1/compact/run': 'POST',
} as const;
type Path = keyof typeof routes;

const kinds: readonly MaintenanceKind[] = ['compaction', 'leveling', 'retention'];

export class AdminMaintenanceRoutes {
  readonly #operations: MaintenanceOperations | undefined;
  readonly #clusterId: string;
  readonly #nowMs: () => number;
  #reads = 0;

  constructor(operations: MaintenanceOperations | undefined, clusterId: string, nowMs: () => number) {
    this.#operations = operations;
    this.#clusterId = clusterId;
    this.#nowMs = nowMs;
  }

  /** Undefined for a path that is not of here. Throws what the operations throw. */
  async answer({ path, method, query, signal }: AdminRequest): Promise<AdminAnswer | undefined> {
    if (!Object.hasOwn(routes, path)) return undefined;
    if (this.#operations === undefined) return refusal(404, 'this broker does no work on history');
    const wanted = routes[path as Path];
    if (method !== wanted) return notAllowed(wanted);
    return this.#act(this.#operations, path as Path, query, signal);
  }

  async #act(
    operations: MaintenanceOperations,
    path: Path,
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<AdminAnswer> {
    switch (path) {
      case '/v1/reconcile': {
        refuseStrangers(query, ['topic', 'after', 'limit']);
        const { topics, ...status } = operations.reconcileStatus(scopeIn(query));
        return this.#said('admin-reconcile', { ...status, ...topicPage(topics, query) });
      }
      case '/v1/reconcile/plan': {
        refuseStrangers(query, ['topic']);
        return this.#reading(async () => {
          const { objects, skipped } = await operations.reconcilePlan(scopeIn(query));
          return this.#said('admin-reconcile-plan', cut({ objects, skipped }));
        });
      }
      case '/v1/reconcile/run': {
        refuseStrangers(query, ['topic', 'wait']);
        const wait = switchIn(query, 'wait');
        const result = await operations.reconcileRun({ ...scopeIn(query), wait, signal });
        return this.#said('admin-reconcile-run', { ...result, ...cut({ partitions: unfinishedFirst(result) }) });
      }
      case '/v1/reconcile/pause':
        refuseStrangers(query, ['topic']);
        return this.#said('admin-reconcile-pause', pauses(operations.reconcilePause(scopeIn(query))));
      case '/v1/reconcile/resume':
        refuseStrangers(query, ['topic']);
        return this.#said('admin-reconcile-resume', pauses(operations.reconcileResume(scopeIn(query))));
      case '/v1/compact':
        refuseStrangers(query, ['topic', 'kind', 'after', 'limit']);
        return this.#reading(() => this.#compactStatus(operations, query));
      case '/v1/compact/plan': {
        refuseStrangers(query, ['topic', 'kind']);
        return this.#reading(async () => {
          const { jobs, skipped } = await operations.compactPlan({ ...scopeIn(query), kinds: kindsIn(query) });
          return this.#said('admin-compact-plan', cut({ jobs, skipped }));
        });
      }
      case '/v1/compact/run': {
        refuseStrangers(query, ['topic', 'kind', 'wait']);
        const scope = { ...scopeIn(query), kinds: kindsIn(query), wait: switchIn(query, 'wait') };
        const result = await operations.compactRun({ ...scope, signal });
        return this.#said('admin-compact-run', { ...result, ...cut({ outcomes: failedFirst(result) }) });
      }
    }
  }

  async #compactStatus(operations: MaintenanceOperations, query: URLSearchParams): Promise<AdminAnswer> {
    const wanted = kindsIn(query);
    const isWanted = ({ kind }: { readonly kind: MaintenanceKind }): boolean => wanted.includes(kind);
    const { partitions, ...status } = await operations.compactStatus(scopeIn(query));
    const queued = status.queued.filter(isWanted);
    const after = placeIn(query);
    const limit = limitIn(query, pageMax, pageMax);
    const behind = [...partitions].sort(comparePlaces).filter((one) => after === undefined || isBehind(one, after));
    return this.#said('admin-compact', {
      ...status,
      running: status.running.filter(isWanted),
      queued: queued.slice(0, pageMax),
      queuedCount: queued.length,
      outcomes: status.outcomes.filter(isWanted).slice(0, pageMax),
      partitions: behind.slice(0, limit),
      more: behind.length > limit,
    });
  }

  #said(schema: string, body: object): AdminAnswer {
    const at = new Date(this.#nowMs()).toISOString();
    return jsonAnswer(200, { schema: `cloudtopics/${schema}/v1`, clusterId: this.#clusterId, at, ...body });
  }

  async #reading(read: () => Promise<AdminAnswer>): Promise<AdminAnswer> {
    if (this.#reads >= readsMax) return refusal(503, 'too many requests for plans at a time; try again');
    this.#reads++;
    try {
      return await read();
    } finally {
      this.#reads--;
    }
  }
}

function scopeIn(query: URLSearchParams): MaintenanceScope {
  const topics = query.getAll('topic');
  return topics.length === 0 ? {} : { topics: [...new Set(topics)] };
}

/** All where none is named. */
function kindsIn(query: URLSearchParams): readonly MaintenanceKind[] {
  const asked = query.getAll('kind');
  const stranger = asked.find((kind) => !kinds.some((known) => known === kind));
  if (stranger !== undefined) {
    throw new EngineError('usage', `${JSON.stringify(stranger)} is no kind of work; there are ${kinds.join(', ')}`);
  }
  return asked.length === 0 ? kinds : kinds.filter((kind) => asked.includes(kind));
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** `after=orders/3`: behind partition 3 of orders. */
function placeIn(query: URLSearchParams): Place | undefined {
  const text = query.get('after');
  if (text === null) return undefined;
  const match = /^([^/]+)\/(\d{1,10})$/.exec(text);
  if (match === null) throw new EngineError('usage', 'after is TOPIC/PARTITION: the last one of the answer before');
  return { topic: match[1] as string, partition: Number(match[2]) };
}

const byName = (a: Pick<Place, 'topic'>, b: Pick<Place, 'topic'>): number =>
  a.topic === b.topic ? 0 : a.topic < b.topic ? -1 : 1;
const comparePlaces = (a: Place, b: Place): number => byName(a, b) || a.partition - b.partition;
const isBehind = (one: Place, after: Place): boolean => comparePlaces(one, after) > 0;

/** Whole topics where they fit; one that does not comes again in the next page, with its other partitions. */
function topicPage(
  topics: readonly ReconciledTopic[],
  query: URLSearchParams,
): { readonly topics: readonly ReconciledTopic[]; readonly more: boolean } {
  const after = placeIn(query);
  let left = limitIn(query, pageMax, pageMax);
  const page: ReconciledTopic[] = [];
  for (const one of [...topics].sort(byName)) {
    const { topic } = one;
    if (after !== undefined && topic < after.topic) continue;
    const partitions = one.partitions
      .filter(({ partition }) => after === undefined || isBehind({ topic, partition }, after))
      .sort((a, b) => a.partition - b.partition);
    if (partitions.length === 0 && topic === after?.topic) continue;
    if (left === 0) return { topics: page, more: true };
    page.push({ ...one, partitions: partitions.slice(0, left) });
    if (partitions.length > left) return { topics: page, more: true };
    // A topic that has no partitions here takes room too.
    left -= Math.min(left, Math.max(1, partitions.length));
  }
  return { topics: page, more: false };
}

function pauses({ paused, topics }: ReconcileStatus) {
  const shown = topics.map(({ topic, topicId, paused }) => ({ topic, topicId, paused })).sort(byName);
  return { paused, ...cut({ topics: shown }) };
}

/** Lists that cannot be gone on with: their first entries, and whether any was left out. */
function cut<Lists extends Readonly<Record<string, readonly unknown[]>>>(lists: Lists): Lists & { more: boolean } {
  const shown = Object.entries(lists).map(([name, list]) => [name, list.slice(0, pageMax)]);
  return { ...Object.fromEntries(shown), more: Object.values(lists).some(({ length }) => length > pageMax) };
}

/** What somebody has to look at is not what is left out. */
const unfinishedFirst = ({ partitions }: ReconcileRunResult): ReconcileRunResult['partitions'] =>
  [...partitions].sort(
    (a, b) => Number(b.problem !== null) - Number(a.problem !== null) || b.pendingOffsets - a.pendingOffsets,
  );

const failedFirst = ({ outcomes }: CompactRunResult): CompactRunResult['outcomes'] =>
  [...outcomes].sort((a, b) => Number(b.error !== null) - Number(a.error !== null));
