// How an error is shown: what failed; why; where; `try:` an exact command. A stack only for bugs and with --verbose.
// Secrets are never echoed: anything that looks like a credential is blotted out, wherever it comes from.

import { type ErrorCode, errorTable } from '../engine/base/error-table.ts';
import { EngineError } from '../engine/base/errors.ts';
import type { Colors } from './colors.ts';
import { exitStatusOf } from './exit-statuses.ts';

export interface RenderOptions {
  readonly verbose: boolean;
  readonly colors: Colors;
}

const secretName = /(secret|password|passwd|token|credential|access.?key|api.?key|private.?key|sasl)/i;

const userInfo = /([a-z][a-z0-9+.-]*:\/\/)([^\s/@:]+):([^\s/@]+)@/gi;
const assignedSecret = new RegExp(
  `((?<![\\w.-])[\\w.-]*(?:secret|password|passwd|token|credential|access.?key|api.?key|private.?key)[\\w.-]*)` +
    `(\\s*[=:]\\s*)(?:"[^"]*"|[^\\s&,;"']+)`,
  'gi',
);

/** Blots out credentials in free text: user:password@ in URLs, and name=value where the name says "secret". */
export function withoutSecrets(text: string): string {
  return text.replace(userInfo, '$1***:***@').replace(assignedSecret, '$1$2***');
}

/** A usage mistake or another failure of the command line itself, as an error of ours. */
export function toShownError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const name = error instanceof Error ? error.constructor.name : '';
  const message = error instanceof Error ? error.message : String(error);
  const exit = (error as { oclif?: { exit?: number } })?.oclif?.exit;
  if (parseErrorNames.has(name) || name.endsWith('FlagError') || exit === 2 || message.startsWith('Parsing --')) {
    const cause = error instanceof Error && error.cause instanceof EngineError ? error.cause : undefined;
    return new EngineError('usage', plainUsage(message), {
      cause: error,
      ...(cause?.hint ? { hint: cause.hint } : {}),
    });
  }
  const systemCode = (error as NodeJS.ErrnoException | undefined)?.code;
  const known = systemCode === undefined ? undefined : systemErrors[systemCode];
  if (known !== undefined) return new EngineError(known, message, { cause: error, hint: '' });
  return new EngineError('bug', message, { cause: error });
}

const parseErrorNames: ReadonlySet<string> = new Set([
  'CLIParseError',
  'InvalidArgsSpecError',
  'RequiredArgsError',
  'UnexpectedArgsError',
  'NonExistentFlagsError',
  'FlagInvalidOptionError',
  'ArgInvalidOptionError',
  'FailedFlagValidationError',
  'ViolatedFlagConstraintError',
]);

const systemErrors: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'object-not-found',
  EACCES: 'store-denied',
  EPERM: 'store-denied',
  EROFS: 'store-denied',
  EISDIR: 'usage',
  ENOTDIR: 'usage',
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  EADDRINUSE: 'address-in-use',
  EADDRNOTAVAIL: 'usage',
  ENOTFOUND: 'broker-unavailable',
};

/** The parser's wording, shortened to one line of ours. */
function plainUsage(message: string): string {
  return message
    .replace(/^Nonexistent flags?: /, 'no such flag: ')
    .replace(/^Parsing (--\S+)\s*\n\t/, '$1: ')
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(/\nSee more help with --help.*$/s, '')
    .replace(/\n\s+/g, '; ')
    .trim();
}

export function renderError(error: EngineError, { verbose, colors }: RenderOptions): string {
  const lines = [`${colors.damage('error:')} ${error.message}`];
  for (const why of causes(error)) lines.push(`  because: ${why}`);
  const where = Object.entries(error.context).filter(([, value]) => value !== undefined);
  if (where.length > 0) {
    lines.push(
      `  where: ${where.map(([name, value]) => `${name}=${secretName.test(name) ? '***' : value}`).join(' ')}`,
    );
  }
  lines.push(colors.dim(`  code: ${error.code} (cloudtopics explain ${error.code})`));
  if (error.hint) lines.push(`  try: ${error.hint}`);
  if (verbose || error.kind === 'bug') lines.push(colors.dim(stackOf(error)));
  return `${withoutSecrets(lines.join('\n'))}\n`;
}

/** The shape is documented in docs/operating/commands.md as cloudtopics/error/v1. */
export function errorJson(error: EngineError, verbose: boolean): object {
  const context = Object.fromEntries(
    Object.entries(error.context).map(([name, value]) => {
      const shownValue = typeof value === 'string' ? withoutSecrets(value) : value;
      return [name, secretName.test(name) ? '***' : shownValue];
    }),
  );
  const shown = {
    code: error.code,
    kind: error.kind,
    exitStatus: exitStatusOf(error.kind),
    retryable: error.retryable,
    message: withoutSecrets(error.message),
    meaning: errorTable[error.code].meaning,
    because: [...causes(error)].map(withoutSecrets),
    context,
    ...(error.hint ? { try: withoutSecrets(error.hint) } : {}),
    ...(verbose || error.kind === 'bug' ? { stack: withoutSecrets(stackOf(error)) } : {}),
  };
  return { schema: 'cloudtopics/error/v1', error: shown };
}

/** The messages behind the error, outermost first; one that only repeats the last is left out. */
function* causes(error: EngineError): Generator<string> {
  let shown = error.message;
  let cause: unknown = error.cause;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth++) {
    const message = cause.message.trim();
    if (
      message !== '' &&
      !shown.includes(message) &&
      !parseErrorNames.has(cause.constructor.name) &&
      !message.startsWith('Parsing --')
    ) {
      yield message;
      shown = message;
    }
    cause = cause.cause;
  }
}

function stackOf(error: EngineError): string {
  const origin = error.cause instanceof Error ? error.cause : error;
  return origin.stack ?? String(origin);
}
