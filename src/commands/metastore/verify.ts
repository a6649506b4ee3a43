// Checks the metadata of a cluster and reports what does not fit together, by name and place. Changes nothing.

import * as Flags from '@oclif/core/flags';
import { ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { durationFlag } from '../../cli/global-flags.ts';
import { MetadataCommand } from '../../cli/metadata-command.ts';
import { allDomains, domainFlag } from '../../cli/metadata-flags.ts';
import { VerifyReport } from '../../cli/verify-report.ts';
import { VerifyRun } from '../../cli/verify-run.ts';
import { systemClock } from '../../engine/base/clock.ts';
import { EngineError } from '../../engine/base/errors.ts';

const fixedByReport = ['domain', 'topic', 'check-objects', 'check-storage', 'report'];

export default class MetastoreVerify extends MetadataCommand<typeof MetastoreVerify> {
  static override summary = 'Check the metadata: checksums, partitions, objects, storage.';
  static override description =
    'Reads every byte of the tables of the newest manifests, every row of control and groups, and all that the metastore says of ' +
    'each partition. --check-objects adds the byte accounts of objects, --check-storage the objects themselves. With --admin the ' +
    'rows are those of a live broker; tables and objects are then read where --store is given. Findings are damage (ends with ' +
    '13), errors (4), and notices (0), which a crash or an upload under way leaves. --json gives the lines of the report.';
  static override examples = [
    '<%= config.bin %> metastore verify --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> metastore verify --check-objects --check-storage --report check.jsonl --max-time 30m',
    '<%= config.bin %> metastore verify --resume check.jsonl',
    '<%= config.bin %> metastore verify --topic orders --check-storage',
  ];
  static override flags = {
    domain: domainFlag(allDomains),
    topic: Flags.string({
      helpValue: 'TOPIC',
      description: 'Only the partitions of this topic, by name or id; no tables, no accounts.',
    }),
    'check-objects': Flags.boolean({ description: 'Also the byte account of every object; reads all extents.' }),
    'check-storage': Flags.boolean({
      description: 'Also whether objects are in the bucket with their size, and what is there that nothing knows.',
    }),
    report: Flags.string({ helpValue: 'FILE', description: 'Write all findings there as JSON lines; must be new.' }),
    resume: Flags.string({
      helpValue: 'FILE',
      description: 'Go on where the check of this report ended, in the same state of the bucket.',
      exclusive: fixedByReport,
    }),
    limit: Flags.integer({ char: 'n', min: 1, description: 'Stop after so many partitions, to go on later.' }),
    'max-time': durationFlag({ description: 'Stop after this long, to go on later.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-metadata',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 4, 5, 8, 9, 11, 12, 13, 130, 143],
    schemas: [
      'cloudtopics/verify-begin/v1',
      'cloudtopics/verify-finding/v1',
      'cloudtopics/verify-position/v1',
      'cloudtopics/verify-end/v1',
      'cloudtopics/progress/v1',
    ],
    jsonLines: true,
  };

  async run(): Promise<ExitWith | undefined> {
    const flags = this.flags as FlagsOf<typeof MetastoreVerify>;
    const { limit, 'max-time': timeMs, report: path } = flags;
    if ((limit !== undefined || timeMs !== undefined) && path === undefined && flags.resume === undefined) {
      throw new EngineError('usage', 'a check that stops early needs a report to go on from', {
        hint: 'add --report FILE',
      });
    }
    const { Verification } = await import('../../engine/admin/admin.ts');
    await using parts = new AsyncDisposableStack();
    const bucket = this.sourceFlags.store === undefined ? undefined : parts.use(await this.openBucket());
    const source = !this.isLive && bucket !== undefined ? bucket : parts.use(await this.openSource());
    const resumed = flags.resume === undefined ? undefined : await VerifyReport.resume(flags.resume);
    if (resumed !== undefined) parts.use(resumed.report);
    const request = {
      domains: flags.domain,
      topic: flags.topic,
      checkObjects: flags['check-objects'],
      checkStorage: flags['check-storage'],
    };
    const verification = await Verification.open({ source, bucket }, request, systemClock, resumed?.resume);
    const report = resumed?.report ?? (path === undefined ? undefined : parts.use(await VerifyReport.create(path)));
    const { progress: choice, quiet, color } = flags;
    using run = new VerifyRun(verification, this.output, report, systemClock, { choice, quiet, color });
    if (resumed === undefined) await run.begin();
    const complete = await run.steps({ partitionsMax: limit, timeMs, stop: this.interruption.signal });
    await run.end(complete);
    if (this.interruption.exitStatus !== undefined) return new ExitWith(this.interruption.exitStatus);
    if (!complete) return new ExitWith(12);
    const { damage, error } = verification.found;
    if (damage > 0) return new ExitWith(13);
    return error > 0 ? new ExitWith(4) : undefined;
  }
}
