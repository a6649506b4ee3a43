// What an error code means, from the one table of codes. Reads nothing and asks nobody.

import * as Args from '@oclif/core/args';
import { type ArgsOf, BaseCommand } from '../cli/base-command.ts';
import type { CommandFacts } from '../cli/command-facts.ts';
import { explainCode, explainTable } from '../cli/explanation.ts';
import { renderTable } from '../cli/table.ts';

export default class Explain extends BaseCommand<typeof Explain> {
  static override summary = 'Say what an error code means and what to do about it.';
  static override description = 'Without an argument: the table of all codes.';
  static override examples = ['<%= config.bin %> explain owner-mismatch', '<%= config.bin %> explain --json'];
  static override args = {
    code: Args.string({ description: 'An error code, as printed after "code:".', ignoreStdin: true }),
  };
  static override facts: CommandFacts = {
    effect: 'nothing',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5],
    schemas: ['cloudtopics/error-code/v1', 'cloudtopics/error-codes/v1'],
  };

  async run(): Promise<void> {
    const { code } = this.args as ArgsOf<typeof Explain>;
    if (code === undefined) {
      const all = explainTable();
      await this.output.result({ schema: 'cloudtopics/error-codes/v1', codes: all }, () =>
        renderTable(
          [
            { title: 'code' },
            { title: 'kind' },
            { title: 'exit', right: true },
            { title: 'kafka', right: true },
            { title: 'meaning' },
          ],
          all.map((entry) => [
            entry.code,
            entry.kind,
            String(entry.exitStatus),
            String(entry.kafkaCode),
            entry.meaning,
          ]),
        ),
      );
      return;
    }
    const entry = explainCode(code);
    await this.output.result({ schema: 'cloudtopics/error-code/v1', ...entry }, () =>
      [
        `${entry.code}: ${entry.meaning}`,
        `  kind         ${entry.kind}`,
        `  exit status  ${entry.exitStatus}`,
        `  Kafka code   ${entry.kafkaCode}`,
        `  retryable    ${entry.retryable ? 'yes: the same call may succeed later' : 'no'}`,
        ...(entry.try === undefined ? [] : [`  try          ${entry.try}`]),
      ].join('\n'),
    );
  }
}
