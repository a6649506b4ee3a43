// Writes records to standard output as they were written, or by a template. A closed pipe ends it well. With a group, positions
// are kept for what was written out only; a group with active members is refused.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { type ArgsOf, ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { parseInstant } from '../../cli/duration-format.ts';
import { KafkaCommand } from '../../cli/kafka-command.ts';
import { ReadingProgress } from '../../cli/reading-progress.ts';
import { RecordPrinter } from '../../cli/record-printer.ts';
import { jsonWriter, templateWriter, valueLine } from '../../cli/record-template.ts';
import { startTransferProgress } from '../../cli/transfer-progress.ts';
import { systemClock } from '../../engine/base/clock.ts';
import { EngineError } from '../../engine/base/errors.ts';

export default class TopicsConsume extends KafkaCommand<typeof TopicsConsume> {
  static override summary = 'Write the records of a topic to standard output, bytes unchanged.';
  static override description =
    'By default each value and a newline, from now on, until interrupted. Records of one partition come in their order. With ' +
    '--group it goes on where the group stands and keeps its position; a group with active members refuses that. A template ' +
    'for --format has fields {value} {key} {offset} {partition} {topic} {timestamp} {time} {headers}, or %v %k %o %p %t %T %h ' +
    'as in kcat, and escapes \\n \\t \\xHH; it adds no newline of its own.';
  static override examples = [
    '<%= config.bin %> topics consume logs --from beginning --exit-at-end > logs.txt',
    '<%= config.bin %> topics consume logs --from "15m ago" --format "{time} {key} {value}\\n"',
    '<%= config.bin %> topics consume logs --partition 3 --offset 1200 --count 10 --json',
  ];
  static override args = {
    topic: Args.string({ description: 'Name of the topic.', required: true, ignoreStdin: true }),
  };
  static override flags = {
    from: Flags.string({
      helpValue: 'beginning|end|TIME',
      description:
        'Where to begin; a time is RFC 3339, milliseconds, or "15m ago". Default: end. Partitions where --group has a position begin there, unless a time is given.',
      exclusive: ['offset'],
    }),
    offset: Flags.integer({ min: 0, dependsOn: ['partition'], description: 'Begin at this offset of --partition.' }),
    partition: Flags.integer({
      multiple: true,
      multipleNonGreedy: true,
      min: 0,
      description: 'Only this partition; can be given several times.',
    }),
    count: Flags.integer({ char: 'n', min: 1, description: 'Stop after so many records.' }),
    'exit-at-end': Flags.boolean({
      char: 'e',
      description: 'Stop at the end that the topic has when the command starts.',
    }),
    group: Flags.string({
      char: 'g',
      helpValue: 'GROUP',
      description: 'Begin at the positions of this group, and keep them.',
    }),
    format: Flags.string({
      char: 'f',
      helpValue: 'TEMPLATE',
      description: 'How to write a record.',
      exclusive: ['json'],
    }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-broker',
    besideBroker: 'Safe at any time; with --group it moves the position of that group.',
    exitStatuses: [0, 2, 5, 6, 8, 9, 13, 130, 143],
    schemas: ['cloudtopics/record/v1', 'cloudtopics/progress/v1'],
    jsonLines: true,
  };

  async run(): Promise<ExitWith | undefined> {
    const { topic } = this.args as ArgsOf<typeof TopicsConsume>;
    const flags = this.flags as FlagsOf<typeof TopicsConsume>;
    const write = flags.json
      ? jsonWriter(topic)
      : flags.format === undefined
        ? valueLine
        : templateWriter(flags.format, topic);
    const { interruption, output } = this;
    const stop = AbortSignal.any([interruption.signal, output.closed]);
    using client = await this.client();
    const { readTopic } = await import('../../engine/admin/admin.ts');
    const printer = new RecordPrinter(output, write);
    const reading = new ReadingProgress(flags.count);
    using progress = startTransferProgress({
      // Where the records scroll over the terminal themselves, they are the progress.
      choice: process.stdout.isTTY && flags.progress === 'auto' ? 'none' : flags.progress,
      quiet: flags.quiet,
      color: flags.color,
      phase: 'consumed',
      title: `consuming ${topic}`,
      observe: () => reading.snapshot(printer.records, printer.bytes),
    });
    await readTopic(client, {
      topic,
      from: startOf(flags),
      partitions: flags.partition,
      count: flags.count,
      exitAtEnd: flags['exit-at-end'],
      group: flags.group,
      stop,
      onGap: (partition, from, to) =>
        progress.aside(() =>
          output.warn(`${topic}-${partition}: offsets ${from} to ${to - 1} were deleted before they could be read`),
        ),
      onRanges: (ranges) => reading.begin(ranges),
      onPosition: (partition, next) => reading.reach(partition, next),
      sink: (partition, records) => printer.print(partition, records),
    });
    progress[Symbol.dispose]();
    if (progress.shown) output.remark(output.colors.dim(progress.summary()));
    return interruption.exitStatus === undefined ? undefined : new ExitWith(interruption.exitStatus);
  }
}

type Start = { readonly offset: number } | { readonly timestamp: number } | 'beginning' | 'end' | undefined;

function startOf(flags: FlagsOf<typeof TopicsConsume>): Start {
  if (flags.offset !== undefined) {
    if (flags.partition?.length !== 1) throw new EngineError('usage', '--offset needs exactly one --partition');
    return { offset: flags.offset };
  }
  if (flags.from === undefined || flags.from === 'beginning' || flags.from === 'end') return flags.from;
  return { timestamp: parseInstant(flags.from, systemClock.nowMs()) };
}
