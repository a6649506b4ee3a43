// Every exit status of the command and what a script may conclude from it. Feeds --help, the man pages and
// docs/operating/exit-codes.md. The status of an error comes from its kind (engine/base/error-table.ts).

import { type ErrorKind, exitStatusByKind } from '../engine/base/error-table.ts';

export interface ExitStatus {
  readonly status: number;
  readonly name: string;
  readonly meaning: string;
}

export const exitStatuses: readonly ExitStatus[] = [
  { status: 0, name: 'ok', meaning: 'Done. A reader that closed the pipe early is also fine.' },
  { status: 1, name: 'bug', meaning: 'The program did something it holds to be impossible. Report it.' },
  {
    status: 2,
    name: 'usage',
    meaning: 'A command, flag, argument, setting or configuration value is wrong or missing.',
  },
  { status: 3, name: 'partial', meaning: 'Some of it was done and some was not; the output says what.' },
  { status: 4, name: 'findings', meaning: 'A check ran to its end and found something.' },
  { status: 5, name: 'not found', meaning: 'The topic, object, group or cluster does not exist.' },
  { status: 6, name: 'conflict', meaning: 'It exists already, or something else holds it.' },
  { status: 7, name: 'fenced', meaning: 'Another owner or leader has taken over.' },
  {
    status: 8,
    name: 'unavailable',
    meaning: 'The broker or the store does not answer; the same command may work later.',
  },
  { status: 9, name: 'denied', meaning: 'Credentials or permissions were refused.' },
  { status: 10, name: 'unconfirmed', meaning: 'A confirmation was needed and not given. Nothing was changed.' },
  { status: 11, name: 'unsupported', meaning: 'This version, platform or format cannot do it.' },
  { status: 12, name: 'limit', meaning: 'A limit was reached; what was done until then is kept.' },
  { status: 13, name: 'corruption', meaning: 'Bytes do not match their checksum or format.' },
  { status: 14, name: 'work pending', meaning: 'A plan has something to do (only with --exit-code).' },
  { status: 130, name: 'interrupted', meaning: 'Stopped by SIGINT.' },
  { status: 143, name: 'terminated', meaning: 'Stopped by SIGTERM.' },
];

/** The entry for a status; a status that is not in the table is a mistake in the program. */
export function exitStatus(status: number): ExitStatus {
  const found = exitStatuses.find((entry) => entry.status === status);
  if (found === undefined) throw new Error(`exit status ${status} is not in the table`);
  return found;
}

export const exitStatusOf = (kind: ErrorKind): number => exitStatusByKind[kind];
