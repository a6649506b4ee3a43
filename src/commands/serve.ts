// Runs a broker until it is told to stop. Prints one line on standard output, once clients can connect; everything else it has to
// say goes to standard error. Flags become the engine's options in cli/serve-options.ts, which also refuses what contradicts itself.

import { readdir } from 'node:fs/promises';
import * as Flags from '@oclif/core/flags';
import { formatAddress } from '../cli/address-format.ts';
import { BaseCommand, type FlagsOf } from '../cli/base-command.ts';
import { wantsColor } from '../cli/colors.ts';
import type { CommandFacts } from '../cli/command-facts.ts';
import { withoutSecrets } from '../cli/error-rendering.ts';
import { calledAs, firstSteps } from '../cli/first-steps.ts';
import { bucketFlags, environmentTwin, outputFlags } from '../cli/global-flags.ts';
import { serveOptions, serveWarnings } from '../cli/serve-options.ts';
import type { EngineError } from '../engine/base/errors.ts';

export default class Serve extends BaseCommand<typeof Serve> {
  static override summary = 'Run a broker that Kafka clients can use at once.';
  static override description =
    'Without flags: data in ./cloudtopics-data, the bucket in its bucket/ directory, Kafka on 127.0.0.1:9092, administration ' +
    'on 127.0.0.1:9644. Prints one line on standard output when it is ready, and its log on standard error. SIGTERM or ' +
    'SIGINT stop it gracefully, a second one at once; both lose nothing that was acknowledged.';
  static override examples = [
    '<%= config.bin %> serve',
    '<%= config.bin %> serve --store "s3://bucket/prefix?region=eu-central-1" --data-dir /var/lib/cloudtopics',
    '<%= config.bin %> serve --listen 0.0.0.0:9092 --advertise broker.example:9092 --set num.partitions=12',
  ];
  static override baseFlags = { ...outputFlags, ...bucketFlags };
  static override flags = {
    'data-dir': Flags.string({
      char: 'd',
      helpValue: 'DIR',
      env: environmentTwin('data-dir'),
      default: 'cloudtopics-data',
      description: 'Directory of this broker: its log and caches. One broker at a time.',
    }),
    listen: Flags.string({
      helpValue: 'HOST:PORT',
      env: environmentTwin('listen'),
      default: '127.0.0.1:9092',
      description: 'Where Kafka clients connect. Port 0 takes a free one.',
    }),
    advertise: Flags.string({
      helpValue: 'HOST:PORT',
      env: environmentTwin('advertise'),
      description: 'What clients are told to connect to, where it differs from --listen.',
    }),
    admin: Flags.string({
      helpValue: 'HOST:PORT|none',
      env: environmentTwin('admin-listen'),
      default: '127.0.0.1:9644',
      description: 'Where health, metrics and administration are served.',
    }),
    set: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME=VALUE',
      description: 'A broker setting, such as num.partitions or auto.create.topics.enable; can be given several times.',
    }),
    'log-level': Flags.option({ options: ['debug', 'info', 'warn', 'error'] as const })({
      env: environmentTwin('log-level'),
      description: 'What is logged; info by default, debug with --verbose, warn with --quiet.',
    }),
    'log-format': Flags.option({ options: ['auto', 'pretty', 'json'] as const })({
      env: environmentTwin('log-format'),
      default: 'auto',
      description: 'How it is logged: auto is pretty on a terminal and JSON elsewhere.',
    }),
  };
  static override facts: CommandFacts = {
    effect: 'is-the-broker',
    besideBroker: 'A second one on the same data directory or cluster is refused.',
    exitStatuses: [0, 2, 6, 7, 8, 9, 11, 12, 13],
    schemas: ['cloudtopics/serve-ready/v1'],
  };

  async run(): Promise<void> {
    const flags = this.flags as FlagsOf<typeof Serve>;
    const { interruption, output } = this;
    const options = serveOptions(flags, this.settingsFile?.brokerSettings, process.cwd());
    for (const warning of serveWarnings(options)) output.warn(warning);
    const firstRun = (await readdir(options.dataDirectory).catch(() => [])).length === 0;
    const [{ startEngine }, { engineLogger }] = await Promise.all([
      import('../engine/engine.ts'),
      import('../cli/engine-logger.ts'),
    ]);
    const logger = engineLogger({
      level: flags['log-level'] ?? (flags.verbose ? 'debug' : flags.quiet ? 'warn' : 'info'),
      format: flags['log-format'] === 'auto' ? (process.stderr.isTTY ? 'pretty' : 'json') : flags['log-format'],
      colors: wantsColor(flags.color, process.stderr, process.env)
        ? output.colors
        : (await import('../cli/colors.ts')).noColors,
      stream: process.stderr,
    });
    const fatal = Promise.withResolvers<never>();
    fatal.promise.catch(() => {});
    await using engine = await startEngine({
      ...options,
      logger,
      onFatal: (error: EngineError) => fatal.reject(error),
    });
    const kafka = formatAddress(engine.kafkaAddress);
    const admin = engine.adminAddress === undefined ? null : `http://${formatAddress(engine.adminAddress)}`;
    const store = withoutSecrets(options.storeUrl);
    const ready = {
      schema: 'cloudtopics/serve-ready/v1',
      version: this.config.version,
      pid: process.pid,
      kafka,
      admin,
      cluster: options.clusterName,
      clusterId: engine.clusterId,
      dataDirectory: options.dataDirectory,
      store,
    };
    if (output.json) await output.line(ready);
    else
      await output.write(
        `cloudtopics is ready: kafka ${kafka}, admin ${admin ?? 'off'}, cluster ${options.clusterName} (${engine.clusterId}), store ${store}\n`,
      );
    if (firstRun && process.stderr.isTTY && !output.json && flags['log-format'] !== 'json') {
      const { dataDirectory } = options;
      const command = calledAs(this.config.bin, process.env);
      output.remark(
        firstSteps({ command, dataDirectory, store, kafka: engine.kafkaAddress, admin: admin ?? undefined }),
      );
    }
    await Promise.race([fatal.promise, aborted(interruption.signal)]);
    output.detail('stopping; what was acknowledged is durable');
    await engine.stop();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
