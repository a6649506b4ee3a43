// How compaction, leveling and retention stand, what they would do and what they did, for people. Of long lists the beginning is shown;
// --json has all.

import type { LiveCompactPlan, LiveCompactRun, LiveCompactStatus } from '../engine/admin/admin.ts';
import { counted, formatCount, formatSize, formatSpan } from './duration-format.ts';
import { cutText } from './reconcile-table.ts';
import { printable } from './row-text.ts';
import { renderTable } from './table.ts';

type Job = LiveCompactPlan['jobs'][number];
type Outcome = LiveCompactRun['outcomes'][number];

const right = true;
const shownMax = 20;

/** `named`: the topics were asked for by name, so their partitions are shown one by one. */
export async function compactStatusText(
  status: Omit<LiveCompactStatus, 'clusterId' | 'more'>,
  named: boolean,
): Promise<string> {
  const { running, queued, queuedCount, outcomes, partitions } = status;
  const parts = [
    `compaction ${onOff(status.compactionEnabled)}, leveling ${onOff(status.levelingEnabled)}`,
    await (named ? partitionTable(partitions) : topicTable(partitions)),
  ];
  if (running.length > 0) parts.push(`running:\n${await jobTable(running)}`);
  if (queuedCount > 0) {
    parts.push(`waiting:\n${await jobTable(queued.slice(0, shownMax))}${leftOut(queuedCount - shownMax)}`);
  }
  if (outcomes.length > 0) parts.push(`done:\n${await outcomeTable(outcomes)}`);
  return parts.join('\n\n');
}

const onOff = (enabled: boolean): string => (enabled ? 'on' : 'off');
const leftOut = (count: number): string => (count > 0 ? `\nand ${formatCount(count)} more` : '');

function topicTable(partitions: LiveCompactStatus['partitions']): Promise<string> {
  const columns = [
    { title: 'topic' },
    { title: 'policy' },
    { title: 'partitions', right },
    { title: 'extents', right },
    { title: 'bytes', right },
    { title: 'dirty', right },
    { title: 'dirtiest', right },
  ];
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
  const rows = [...byTopic].map(([topic, ofTopic]) => {
    const dirty = ofTopic.filter(({ dirtyBytes }) => dirtyBytes !== null);
    const dirtiest = ofTopic.reduce((most, { dirtyRatio }) => Math.max(most, dirtyRatio ?? -1), -1);
    return [
      topic,
      ofTopic[0]?.cleanupPolicy ?? '-',
      formatCount(ofTopic.length),
      formatCount(ofTopic.reduce((sum, { extents }) => sum + extents, 0)),
      formatSize(ofTopic.reduce((sum, { bytes }) => sum + bytes, 0)),
      dirty.length === 0 ? '-' : formatSize(dirty.reduce((sum, { dirtyBytes }) => sum + (dirtyBytes ?? 0), 0)),
      dirtiest < 0 ? '-' : dirtiest.toFixed(2),
    ];
  });
  return renderTable(columns, rows);
}

function partitionTable(partitions: LiveCompactStatus['partitions']): Promise<string> {
  const columns = [
    { title: 'topic' },
    { title: 'partition', right },
    { title: 'policy' },
    { title: 'extents', right },
    { title: 'bytes', right },
    { title: 'dirty', right },
    { title: 'ratio', right },
    { title: 'cleaned to', right },
  ];
  const rows = partitions.map((one) => [
    one.topic,
    String(one.partition),
    one.cleanupPolicy,
    formatCount(one.extents),
    formatSize(one.bytes),
    one.dirtyBytes === null ? '-' : formatSize(one.dirtyBytes),
    one.dirtyRatio === null ? '-' : one.dirtyRatio.toFixed(2),
    one.cleanedTo === null ? '-' : String(one.cleanedTo),
  ]);
  return renderTable(columns, rows);
}

function jobTable(jobs: readonly (Job & { readonly since?: string })[]): Promise<string> {
  const withSince = jobs.some(({ since }) => since !== undefined);
  const columns = [
    { title: 'kind' },
    { title: 'topic' },
    { title: 'partition', right },
    { title: 'bytes', right },
    { title: 'extents', right },
    ...(withSince ? [{ title: 'since' }] : []),
    { title: 'reason' },
  ];
  const rows = jobs.map((one) => [
    one.kind,
    one.topic,
    String(one.partition),
    formatSize(one.bytes),
    formatCount(one.extents),
    ...(withSince ? [one.since ?? '-'] : []),
    printable(one.reason),
  ]);
  return renderTable(columns, rows);
}

async function outcomeTable(outcomes: readonly Outcome[]): Promise<string> {
  const columns = [
    { title: 'at' },
    { title: 'kind' },
    { title: 'topic' },
    { title: 'partition', right },
    { title: 'took', right },
    { title: 'read', right },
    { title: 'written', right },
    { title: 'extents', right },
    { title: 'records removed', right },
    { title: 'tombstones removed', right },
    { title: '' },
  ];
  const rows = outcomes
    .slice(0, shownMax)
    .map((one) => [
      one.at,
      one.kind,
      one.topic,
      String(one.partition),
      formatSpan(one.tookMs),
      formatSize(one.bytesRead),
      formatSize(one.bytesWritten),
      `${formatCount(one.extentsBefore)} to ${formatCount(one.extentsAfter)}`,
      formatCount(one.recordsRemoved),
      formatCount(one.tombstonesRemoved),
      one.error === null ? '' : `failed: ${printable(one.error)}`,
    ]);
  return `${await renderTable(columns, rows)}${leftOut(outcomes.length - shownMax)}`;
}

export async function compactPlanText({ jobs, skipped, more }: LiveCompactPlan): Promise<string> {
  return [
    jobs.length === 0 ? 'nothing to do' : await jobTable(jobs),
    ...skipped
      .slice(0, shownMax)
      .map(({ topic, partition, reason }) => `${topic}/${partition}: left alone, ${printable(reason)}`),
    ...(skipped.length > shownMax ? [`and ${formatCount(skipped.length - shownMax)} more left alone`] : []),
    ...(more ? [cutText] : []),
  ].join('\n');
}

export async function compactRunText(run: LiveCompactRun, wait: boolean): Promise<string> {
  const { ordered, outcomes, complete, tookMs } = run;
  if (ordered === 0) return 'nothing to do';
  if (!wait) return `begun: ${counted(ordered, 'job')}; cloudtopics compact status shows how far it is`;
  const ended = `${counted(outcomes.length, 'job')} of ${formatCount(ordered)} ended in ${formatSpan(tookMs)}`;
  return [await outcomeTable(outcomes), complete ? ended : `${ended}; not everything is done`].join('\n');
}
