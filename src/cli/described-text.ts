// What the metastore holds of a topic, for people.

import type { DescribedTopic } from '../engine/admin/admin.ts';
import type { ExtentNote, PartitionDetail } from '../engine/audit/audit.ts';
import { counted, formatCount, formatSize } from './duration-format.ts';
import { renderTable } from './table.ts';

type Described = Omit<DescribedTopic, 'moments' | 'unflushed'>;

const nothing = 'nothing reconciled yet';

export async function describedText({ topic, topicId, partitionCount, partitions }: Described): Promise<string> {
  const head = `topic ${topic} (${topicId}), ${counted(partitionCount, 'partition')}`;
  const [only] = partitions;
  if (only !== undefined && 'terms' in only) return `${head}\n${detailText(only)}`;
  const right = true;
  const columns = [
    { title: 'partition', right },
    { title: 'domain' },
    { title: 'start', right },
    { title: 'next', right },
    { title: 'term', right },
    { title: 'extents', right },
    { title: 'bytes', right },
    { title: '' },
  ];
  const rows = partitions.map((one) => [
    String(one.partition),
    one.domain,
    shown(one.startOffset),
    shown(one.nextOffset),
    shown(one.term),
    shown(one.extents),
    one.sizeBytes === null ? '-' : formatSize(one.sizeBytes),
    one.reconciled ? '' : nothing,
  ]);
  return `${head}\n${await renderTable(columns, rows)}`;
}

function detailText(one: PartitionDetail): string {
  const lines: [string, string][] = [['domain', one.domain]];
  if (!one.reconciled) lines.push(['', nothing]);
  else {
    lines.push(
      ['offsets', `${one.startOffset} to ${(one.nextOffset ?? 0) - 1}, next ${one.nextOffset}`],
      ['extents', `${formatCount(one.extents ?? 0)} with ${formatSize(one.sizeBytes ?? 0)}`],
      ['first extent', extentText(one.firstExtent)],
      ['last extent', extentText(one.lastExtent)],
      ['empty ranges', formatCount(one.emptyRanges)],
      ['terms', one.terms.map(({ term, startOffset }) => `${term} from ${startOffset}`).join(', ') || '-'],
      ['last stamp', one.lastStamp ?? '-'],
      ['producers', formatCount(one.producers)],
      [
        'compaction',
        `epoch ${one.compactionEpoch}, ${counted(one.cleanedRanges.length, 'cleaned range')}, ${counted(one.tombstoneRanges, 'range')} with tombstones`,
      ],
    );
  }
  return [`partition ${one.partition}`, ...lines.map(([name, value]) => `  ${name.padEnd(13)} ${value}`)].join('\n');
}

const shown = (value: number | null): string => (value === null ? '-' : String(value));

function extentText(extent: ExtentNote | null): string {
  if (extent === null) return '-';
  const { baseOffset, lastOffset, bytes, object, maxTimestamp } = extent;
  return `${baseOffset} to ${lastOffset}, ${formatSize(bytes)} in ${object}, up to ${maxTimestamp ?? 'no time'}`;
}
