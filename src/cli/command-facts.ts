// What every command says about itself besides its flags: what it touches, whether it may run beside a live broker, its
// exit statuses and the schema of its --json output. They are statics of the command class, so they reach the manifest,
// --help, the man pages and the tests.

export type Effect =
  | 'nothing'
  | 'reads-broker'
  | 'writes-broker'
  | 'reads-bucket'
  | 'reads-metadata'
  | 'orders-broker'
  | 'writes-bucket'
  | 'is-the-broker';

export interface CommandFacts {
  readonly effect: Effect;
  /** Whether it is safe while a broker runs on the same cluster, in one sentence. */
  readonly besideBroker: string;
  readonly exitStatuses: readonly number[];
  /** Schema names of what --json prints, the first one being the result. */
  readonly schemas: readonly string[];
  /** The output is one JSON object per line, not one object. */
  readonly jsonLines?: boolean;
}

const effectTexts: Readonly<Record<Effect, string>> = {
  nothing: 'Touches nothing: no broker, no bucket.',
  'reads-broker': 'Needs a live broker and only reads from it.',
  'writes-broker': 'Needs a live broker and changes something through it.',
  'reads-bucket': 'Only reads the bucket; needs no broker.',
  'reads-metadata': 'Only reads: the bucket alone, or a live broker.',
  'orders-broker': 'Needs a live broker, which then writes to the bucket.',
  'writes-bucket': 'Writes to the bucket.',
  'is-the-broker': 'Is the broker: owns its data directory and writes to the bucket.',
};

export const effectText = (effect: Effect): string => effectTexts[effect];
