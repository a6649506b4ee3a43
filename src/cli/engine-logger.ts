// The engine's log on stderr, through pino: readable lines on a terminal, one JSON object per line elsewhere or on request.
// Fields whose names speak of secrets are blotted out, whatever put them there.

import type { Writable } from 'node:stream';
import { pino } from 'pino';
import type { LogFields, Logger } from '../engine/base/logger.ts';
import type { Colors } from './colors.ts';
import { withoutSecrets } from './error-rendering.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface EngineLoggerOptions {
  readonly level: LogLevel;
  readonly format: 'pretty' | 'json';
  readonly colors: Colors;
  readonly stream: Writable;
}

const secretField = /(secret|password|passwd|token|credential|accesskey|apikey|privatekey)/i;

export function engineLogger({ level, format, colors, stream }: EngineLoggerOptions): Logger {
  const destination =
    format === 'json' ? stream : { write: (line: string) => void stream.write(prettyLine(line, colors)) };
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }), log: shownFields },
    },
    destination as pino.DestinationStream,
  );
  const at =
    (name: LogLevel) =>
    (fields: LogFields, message: string): void =>
      log[name](fields, message);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Errors become text, secrets become stars, bigints become numbers that JSON can hold. */
function shownFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, secretField.test(name) ? '***' : shown(value)]),
  );
}

function shown(value: unknown): unknown {
  if (value instanceof Error) return withoutSecrets(value.message);
  if (typeof value === 'string') return withoutSecrets(value);
  return typeof value === 'bigint' ? value.toString() : value;
}

function prettyLine(line: string, colors: Colors): string {
  const { time, level, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const text = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const label = String(level).padEnd(5);
  const colored = level === 'error' ? colors.damage(label) : level === 'warn' ? colors.risk(label) : label;
  const tail = text.length === 0 ? '' : ` ${colors.dim(text.join(' '))}`;
  return `${colors.dim(String(time).slice(11, 23))} ${colored} ${message}${tail}\n`;
}
