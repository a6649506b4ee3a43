// How reconciling stands, what it would do and what it did, for people.

import type {
  LivePauses,
  LiveReconcilePlan,
  LiveReconcileRun,
  LiveReconcileStatus,
  NamedProblem,
} from '../engine/admin/admin.ts';
import { counted, formatAge, formatCount, formatSize, formatSpan } from './duration-format.ts';
import { printable } from './row-text.ts';
import { type Column, renderTable } from './table.ts';

type Topic = LiveReconcileStatus['topics'][number];

const right = true;

/** `named`: the topics were asked for by name, so their partitions are shown one by one. */
export async function reconcileStatusText(
  status: LiveReconcileStatus,
  problems: readonly NamedProblem[],
  named: boolean,
): Promise<string> {
  const parts = [stateText(status), await topicTable(status)];
  if (named) parts.push(await partitionTable(status.topics));
  if (problems.length > 0) parts.push(problemLines(problems));
  return parts.join(named ? '\n\n' : '\n');
}

function stateText({ enabled, paused, roundsRunning }: LiveReconcileStatus): string {
  if (!enabled) return 'reconciling is switched off: cloudtopics.reconcile.enabled=false';
  if (paused !== null) return `reconciling is paused since ${paused}`;
  return `reconciling: ${counted(roundsRunning, 'round')} running`;
}

function topicTable({ topics, at, paused: allPaused }: LiveReconcileStatus): Promise<string> {
  const columns = [
    { title: 'topic' },
    { title: 'partitions', right },
    { title: 'pending offsets', right },
    { title: 'pending', right },
    { title: 'oldest', right },
    { title: 'interval', right },
    { title: 'next round', right },
    { title: 'last round' },
    { title: '' },
  ];
  const rows = topics.map((one) => {
    const { topic, partitions, intervalMs, nextRoundInMs, paused } = one;
    const ages = partitions.flatMap(({ pendingAgeMs }) => (pendingAgeMs === null ? [] : [pendingAgeMs]));
    const stuck = partitions.filter(({ problem }) => problem !== null).length;
    return [
      topic,
      formatCount(partitions.length),
      formatCount(partitions.reduce((sum, { pendingOffsets }) => sum + pendingOffsets, 0)),
      formatSize(partitions.reduce((sum, { pendingBytes }) => sum + pendingBytes, 0)),
      ages.length === 0 ? '-' : formatAge(ages.reduce((oldest, age) => Math.max(oldest, age))),
      formatSpan(intervalMs),
      paused === null && allPaused === null ? formatSpan(nextRoundInMs) : '-',
      lastRoundText(one, at),
      [paused === null ? [] : `paused since ${paused}`, stuck === 0 ? [] : counted(stuck, 'problem')].flat().join(', '),
    ];
  });
  return renderTable(columns, rows);
}

function lastRoundText({ lastRound }: Topic, at: string): string {
  if (lastRound === null) return '-';
  const ago = `${formatAge(Math.max(0, Date.parse(at) - Date.parse(lastRound.at)))} ago`;
  if (lastRound.error !== null) return `failed ${ago}: ${printable(lastRound.error)}`;
  return `${counted(lastRound.objects, 'object')}, ${formatSize(lastRound.bytes)}, ${ago}`;
}

function partitionTable(topics: readonly Topic[]): Promise<string> {
  const columns = [
    { title: 'topic' },
    { title: 'partition', right },
    { title: 'start', right },
    { title: 'lro', right },
    { title: 'high watermark', right },
    { title: 'pending offsets', right },
    { title: 'pending', right },
    { title: 'oldest', right },
    { title: 'flushed next', right },
    { title: 'log entries', right },
    { title: '' },
  ];
  const rows = topics.flatMap(({ topic, partitions }) =>
    partitions.map((one) => [
      topic,
      String(one.partition),
      String(one.logStartOffset),
      shown(one.lastReconciledOffset),
      String(one.highWatermark),
      formatCount(one.pendingOffsets),
      formatSize(one.pendingBytes),
      one.pendingAgeMs === null ? '-' : formatAge(one.pendingAgeMs),
      String(one.flushedNextOffset),
      formatCount(one.logEntries),
      one.problem === null ? '' : 'PROBLEM',
    ]),
  );
  return renderTable(columns, rows);
}

const shown = (value: number | null): string => (value === null ? '-' : String(value));

const problemLines = (problems: readonly NamedProblem[]): string =>
  problems.map(({ topic, partition, problem }) => `${topic}/${partition}: ${printable(problem)}`).join('\n');

export async function reconcilePlanText({ objects, skipped, more }: LiveReconcilePlan): Promise<string> {
  const columns: Column[] = [
    { title: 'topic' },
    { title: 'domain' },
    { title: 'partitions', right },
    { title: 'offsets', right },
    { title: 'batches', right },
    { title: 'bytes', right },
    { title: 'l0 objects', right },
    { title: 'batches in memory', right },
  ];
  const rows = objects.map((one) => [
    one.topic,
    one.domain,
    formatCount(one.partitions),
    formatCount(one.offsets),
    formatCount(one.batches),
    formatSize(one.bytes),
    formatCount(one.l0Objects),
    formatCount(one.cachedBatches),
  ]);
  return [
    rows.length === 0 ? 'nothing to do' : await renderTable(columns, rows),
    ...skipped.map(({ topic, reason }) => `${topic}: left alone, ${printable(reason)}`),
    ...(more ? [cutText] : []),
  ].join('\n');
}

export const cutText = 'there is more than is shown; name topics with --topic';

export function reconcileRunText(run: LiveReconcileRun, wait: boolean): string {
  const pending = run.partitions.filter(({ pendingOffsets }) => pendingOffsets > 0);
  const offsets = pending.reduce((sum, { pendingOffsets }) => sum + pendingOffsets, 0);
  if (!wait) {
    if (pending.length === 0) return 'nothing is pending';
    const begun = `begun: ${counted(offsets, 'offset')} of ${counted(pending.length, 'partition')}`;
    return `${begun}; cloudtopics reconcile status shows how far it is`;
  }
  const did = `${counted(run.offsets, 'offset')} in ${counted(run.objects, 'object')} (${formatSize(run.bytes)})`;
  const took = `reconciled ${did} in ${formatSpan(run.tookMs)}`;
  if (run.complete) return took;
  return [
    `${took}; ${counted(offsets, 'offset')} of ${counted(pending.length, 'partition')} left`,
    ...pending.map(({ topic, partition, pendingOffsets, problem }) => {
      const left = `${topic}/${partition}: ${counted(pendingOffsets, 'offset')} pending`;
      return problem === null ? left : `${left}, ${printable(problem)}`;
    }),
  ].join('\n');
}

/** A topic runs when neither it nor everything is paused. */
export async function pausesText({ paused, topics, more }: LivePauses): Promise<string> {
  const state = (since: string | null): string => {
    if (since !== null) return `paused since ${since}`;
    return paused === null ? 'runs' : 'paused with all';
  };
  const rows = topics.map(({ topic, paused: since }) => [topic, state(since)]);
  const all = paused === null ? [] : [`reconciling is paused since ${paused}`];
  return [...all, await renderTable([{ title: 'topic' }, { title: '' }], rows), ...(more ? [cutText] : [])].join('\n');
}
