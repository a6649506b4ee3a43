// What `serve` says on a terminal when it has just made a new data directory: where the data lies and the exact commands to try.
// Pure. Nobody is told twice: a directory that was there before says nothing.

import { type Address, formatAddress } from './address-format.ts';

export interface FirstStepsFacts {
  /** The command as it was called: "cloudtopics", or "npx cloudtopics". */
  readonly command: string;
  readonly dataDirectory: string;
  readonly store: string;
  /** Where clients of this machine connect. */
  readonly kafka: Address;
  /** "http://127.0.0.1:9644"; undefined when off. */
  readonly admin: string | undefined;
}

const defaultKafka = '127.0.0.1:9092';

export function firstSteps({ command, dataDirectory, store, kafka, admin }: FirstStepsFacts): string {
  const address = formatAddress(reachable(kafka));
  const at = address === defaultKafka ? '' : ` --bootstrap ${address}`;
  return [
    '',
    `The broker's own data lie in ${dataDirectory}`,
    `The records lie in           ${store}`,
    '',
    'Try it in another terminal:',
    `  echo hello | ${command} topics produce greetings${at}`,
    `  ${command} topics consume greetings --from beginning --exit-at-end${at}`,
    `  kcat -b ${address} -L`,
    ...(admin === undefined ? [] : [`  curl ${admin}/v1/metrics`]),
    '',
    'Ctrl-C stops it; nothing that was acknowledged is lost.',
    '',
  ].join('\n');
}

/** An address that listens everywhere is no address to connect to. */
function reachable({ host, port }: Address): Address {
  return { host: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port };
}

/** How the user called this program, so that the commands shown can be copied. */
export function calledAs(bin: string, env: NodeJS.ProcessEnv): string {
  return env['npm_command'] === 'exec' ? `npx ${bin}` : bin;
}
