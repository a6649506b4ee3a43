// The flags that mean the same on every command, each with an environment twin. Precedence: flag > environment > file >
// default. A command takes the groups that do something for it, so a flag that would be ignored is refused.

import * as Flags from '@oclif/core/flags';
import { parseDuration } from './duration-format.ts';

export const environmentTwin = (flag: string): string => `CLOUDTOPICS_${flag.toUpperCase().replaceAll('-', '_')}`;

const group = 'GLOBAL';

/** A duration such as 30s or 5m; the value is in milliseconds. */
export const durationFlag = Flags.custom<number>({ parse: async (text) => parseDuration(text), helpValue: 'DURATION' });

/** On every command. */
export const outputFlags = {
  config: Flags.string({
    helpGroup: group,
    helpValue: 'FILE',
    env: environmentTwin('config'),
    description: 'File with "name = value" lines: any flag without its dashes, and broker settings.',
  }),
  json: Flags.boolean({
    helpGroup: group,
    env: environmentTwin('json'),
    description: 'Print the result as JSON with a schema name in it.',
  }),
  quiet: Flags.boolean({
    char: 'q',
    helpGroup: group,
    env: environmentTwin('quiet'),
    description: 'Only the result and errors: no progress, no remarks.',
    exclusive: ['verbose'],
  }),
  verbose: Flags.boolean({
    char: 'v',
    helpGroup: group,
    env: environmentTwin('verbose'),
    description: 'More about what happens, on stderr; stack traces of errors.',
  }),
  color: Flags.option({ options: ['auto', 'always', 'never'] as const })({
    helpGroup: group,
    env: environmentTwin('color'),
    default: 'auto',
    description: 'Whether to colour; auto respects NO_COLOR and dumb terminals.',
  }),
  progress: Flags.option({ options: ['auto', 'lines', 'json', 'none'] as const })({
    helpGroup: group,
    env: environmentTwin('progress'),
    default: 'auto',
    description: 'How to show progress on stderr: auto is a live picture on a terminal and plain lines elsewhere.',
  }),
  timeout: durationFlag({
    helpGroup: group,
    env: environmentTwin('timeout'),
    description: 'Give up on an answer after this long: 500ms, 30s, 5m.',
  }),
};

/** On commands that talk to a broker over the Kafka protocol. */
export const brokerFlags = {
  bootstrap: Flags.string({
    helpGroup: group,
    helpValue: 'HOST:PORT',
    env: environmentTwin('bootstrap'),
    default: '127.0.0.1:9092',
    description: 'Kafka address of a broker; several with commas.',
  }),
};

/** On commands that open a bucket. */
export const bucketFlags = {
  store: Flags.string({
    helpGroup: group,
    helpValue: 'URL',
    env: environmentTwin('store'),
    description: 'The bucket: file:///dir, memory:, or s3://bucket/prefix?region=…&endpoint=…',
  }),
  cluster: Flags.string({
    helpGroup: group,
    helpValue: 'NAME',
    env: environmentTwin('cluster'),
    default: 'default',
    description: 'Which cluster in the bucket, by name or id.',
  }),
};

/** On commands that ask a live broker's admin server. */
export const adminFlags = {
  admin: Flags.string({
    helpGroup: group,
    helpValue: 'URL',
    env: environmentTwin('admin'),
    description: 'Admin address of a live broker, such as http://127.0.0.1:9644.',
  }),
};
