// Writes lines to a topic, one record each. Ends well only when every record was acknowledged.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseAssignments } from '../../cli/assignment-format.ts';
import { type ArgsOf, ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { counted, formatCount, formatSize, parseSize } from '../../cli/duration-format.ts';
import { unescapeText } from '../../cli/escape-format.ts';
import { inputBytes, openInputs } from '../../cli/input-files.ts';
import { KafkaCommand } from '../../cli/kafka-command.ts';
import { renderTable } from '../../cli/table.ts';
import { startTransferProgress } from '../../cli/transfer-progress.ts';
import { systemRandom } from '../../engine/base/random.ts';

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

export default class TopicsProduce extends KafkaCommand<typeof TopicsProduce> {
  static override summary = 'Write lines to a topic: one record each, bytes unchanged.';
  static override description =
    'Reads FILES, or standard input where none are named ("-" stands for it). A line is what stands before a \\n; empty lines ' +
    'are records, and so is a last line without \\n. A topic that is missing is created if the broker does that by itself (auto.create.topics.enable). Every record is acknowledged (acks=all) before the command ends well, ' +
    'each is written once, and lines that go to one partition keep their order. Ends with a report per partition.';
  static override examples = [
    'echo hello | <%= config.bin %> topics produce greetings',
    '<%= config.bin %> topics produce logs access.log --codec zstd',
    '<%= config.bin %> topics produce users users.tsv --key-separator "\\t" --header source=import',
  ];
  static override args = {
    topic: Args.string({ description: 'Name of the topic.', required: true, ignoreStdin: true }),
    files: Args.string({
      description: 'Files to read; standard input where none are named.',
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    'key-separator': Flags.string({
      char: 'K',
      helpValue: 'BYTES',
      description:
        'What stands before the first one in a line is the key; a line without it has none. Knows \\t and \\xHH.',
    }),
    header: Flags.string({
      char: 'H',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME=VALUE',
      description: 'A header for every record; can be given several times.',
    }),
    partition: Flags.integer({ min: 0, description: 'All records to this partition; by key or in turn otherwise.' }),
    codec: Flags.option({ options: codecs })({
      char: 'z',
      default: 'none',
      description: 'Compression of the record batches.',
    }),
    'batch-bytes': Flags.string({
      default: '900KiB',
      helpValue: 'SIZE',
      description: 'Largest record batch before compression; keep it below max.message.bytes of the topic.',
    }),
  };
  static override facts: CommandFacts = {
    effect: 'writes-broker',
    besideBroker: 'Adds records; nothing else changes.',
    exitStatuses: [0, 2, 5, 8, 9, 12, 130, 143],
    schemas: ['cloudtopics/topics-produce/v1', 'cloudtopics/progress/v1'],
  };

  async run(): Promise<ExitWith | undefined> {
    const { topic, files } = this.args as ArgsOf<typeof TopicsProduce>;
    const flags = this.flags as FlagsOf<typeof TopicsProduce>;
    const separator = flags['key-separator'] === undefined ? undefined : unescapeText(flags['key-separator']);
    const headers = Object.entries(parseAssignments(flags.header ?? [], '--header'));
    const batchBytes = parseSize(flags['batch-bytes']);
    const names = (files as string[] | undefined) ?? [];
    const inputs = await openInputs(names, this.interruption.signal);
    const totalBytes = await inputBytes(names);
    const typed = (names.length === 0 || names.includes('-')) && process.stdin.isTTY === true;
    using client = await this.client();
    const { batchCompression, encodeHeaders, produceLines } = await import('../../engine/admin/admin.ts');
    let done = { records: 0, bytes: 0 };
    using progress = startTransferProgress({
      // A picture that moves would be drawn over the lines that somebody types.
      choice: typed && flags.progress === 'auto' ? 'none' : flags.progress,
      quiet: flags.quiet,
      color: flags.color,
      phase: 'produced',
      title: `producing to ${topic}`,
      observe: () => ({
        ...done,
        ...(totalBytes === undefined
          ? {}
          : { goal: { done: inputBytesOf(done, separator?.length ?? 0, totalBytes), total: totalBytes } }),
      }),
    });
    const report = await produceLines(client, inputs, {
      topic,
      ...(flags.partition === undefined ? {} : { partition: flags.partition }),
      ...(separator === undefined ? {} : { separator }),
      headers: encodeHeaders(headers.map(([name, value]) => [name, Buffer.from(value)])),
      ...(await batchCompression(flags.codec)),
      batchBytes,
      random: systemRandom,
      onCreated: (partitions) =>
        progress.aside(() => this.output.remark(`created topic ${topic} (${counted(partitions, 'partition')})`)),
      onProgress: (now) => {
        done = { records: now.records, bytes: now.bytes };
      },
    });
    progress[Symbol.dispose]();
    await this.output.result({ schema: 'cloudtopics/topics-produce/v1', topic, ...report }, async () => {
      const columns = ['partition', 'records', 'first offset', 'last offset'].map((title) => ({ title, right: true }));
      const rows = report.partitions.map((row) => [
        String(row.partition),
        formatCount(row.records),
        String(row.firstOffset ?? '-'),
        String(row.lastOffset ?? '-'),
      ]);
      const total = `produced ${counted(report.records, 'record')} (${formatSize(report.bytes)}) to ${topic}`;
      return rows.length === 0 ? total : `${total}\n${await renderTable(columns, rows)}`;
    });
    return this.interruption.exitStatus === undefined ? undefined : new ExitWith(this.interruption.exitStatus);
  }
}

/** How much of the input the acknowledged records were: they lack the end of their line and the separator of their key. */
function inputBytesOf(done: { records: number; bytes: number }, separatorBytes: number, totalBytes: number): number {
  return Math.min(totalBytes, done.bytes + done.records * (1 + separatorBytes));
}
