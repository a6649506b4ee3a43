// Lists the L1 objects of a cluster: from the rows of the metastore, and on request beside what is in the bucket.

import * as Flags from '@oclif/core/flags';
import { ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { counted, formatSize } from '../../cli/duration-format.ts';
import { listedObjectsHead, listedObjectText } from '../../cli/l1-text.ts';
import { MetadataCommand } from '../../cli/metadata-command.ts';
import { viewJson, viewText } from '../../cli/picture.ts';
import { systemClock } from '../../engine/base/clock.ts';
import { EngineError } from '../../engine/base/errors.ts';

export default class L1List extends MetadataCommand<typeof L1List> {
  static override summary = 'List the objects that hold history.';
  static override description =
    'One line per L1 object, in the order of their ids: state, size, how much of it is in use, and how long nothing has changed. From the ' +
    'bucket (--store), or from a live broker (--admin). --check-storage (needs --store) also looks into the bucket: objects that ' +
    'are missing or have another size are damage (ends with 13), objects that nothing knows an error (4). Ends with 12 when ' +
    '--limit cut it short.';
  static override examples = [
    '<%= config.bin %> l1 list --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> l1 list --check-storage --state unknown --json',
    '<%= config.bin %> l1 list --admin http://127.0.0.1:9644 --limit 20',
  ];
  static override flags = {
    state: Flags.option({
      options: ['preregistered', 'partial', 'complete', 'unknown', 'undecoded'] as const,
      multiple: true,
      multipleNonGreedy: true,
    })({ description: 'Only objects in this state; can be given several times. Default: all.' }),
    'check-storage': Flags.boolean({
      description: 'Also whether objects are in the bucket with their size, and what is there that nothing knows.',
    }),
    limit: Flags.integer({ char: 'n', min: 1, description: 'Stop after so many objects.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-metadata',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 4, 5, 8, 9, 11, 12, 13, 130, 143],
    schemas: ['cloudtopics/l1-view/v1', 'cloudtopics/l1-object/v1'],
    jsonLines: true,
  };

  async run(): Promise<ExitWith | undefined> {
    const flags = this.flags as FlagsOf<typeof L1List>;
    const { limit = Number.POSITIVE_INFINITY, state: states } = flags;
    const { output, interruption } = this;
    const { listL1Objects } = await import('../../engine/admin/admin.ts');
    await using parts = new AsyncDisposableStack();
    const bucket = flags['check-storage'] ? parts.use(await this.openBucket()) : undefined;
    const source = !this.isLive && bucket !== undefined ? bucket : parts.use(await this.openSource());
    if (bucket !== undefined && bucket.place.clusterId !== source.place.clusterId) {
      throw new EngineError('usage', 'the broker serves another cluster than the one in the bucket', {
        hint: 'name the bucket of this broker with --store and --cluster',
      });
    }
    const { moments, unflushed, objects } = await listL1Objects(source, bucket?.view.store, systemClock.nowMs());
    if (output.json) {
      await output.line({ schema: 'cloudtopics/l1-view/v1', ...viewJson(source.place, moments), unflushed });
    } else {
      await output.write(`${viewText(source.place, moments, unflushed)}\n${listedObjectsHead}\n`);
    }
    const found = { damage: 0, error: 0, notice: 0 };
    const sums = { objects: 0, bytes: 0, live: 0 };
    let cutShort = false;
    for await (const one of objects) {
      if (interruption.signal.aborted || output.closed.aborted) break;
      if (states !== undefined && !states.includes(one.state)) continue;
      if (sums.objects === limit) {
        cutShort = true;
        break;
      }
      sums.objects++;
      sums.bytes += one.sizeBytes ?? one.stored?.sizeBytes ?? 0;
      sums.live += one.liveBytes ?? 0;
      if (one.finding !== null) found[one.finding.severity]++;
      if (output.json) await output.line({ schema: 'cloudtopics/l1-object/v1', ...one });
      else await output.write(`${listedObjectText(one)}\n`);
    }
    if (!output.json) {
      const total = `${counted(sums.objects, 'object')}, ${formatSize(sums.bytes)}, ${formatSize(sums.live)} in use`;
      await output.write(`${total}\n`);
    }
    if (interruption.exitStatus !== undefined) return new ExitWith(interruption.exitStatus);
    if (found.damage > 0) return new ExitWith(13);
    if (found.error > 0) return new ExitWith(4);
    return cutShort ? new ExitWith(12) : undefined;
  }
}
