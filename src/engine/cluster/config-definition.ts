// How one configuration key is described: its type, default, what values it accepts and what it does. Topic and broker
// configuration are tables of these; DescribeConfigs, AlterConfigs and docs/operating/limits.md read the same tables.

import { EngineError } from '../base/errors.ts';

export type ConfigType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list';

export interface ConfigDefinition {
  readonly name: string;
  readonly type: ConfigType;
  /** As text, the way Kafka shows it. */
  readonly defaultValue: string;
  readonly doc: string;
  /** Smallest and largest number, both accepted. */
  readonly min?: number;
  readonly max?: number;
  /** The closed list of values (of elements, for a list). */
  readonly oneOf?: readonly string[];
  /** Values besides those of the type: 'auto'. */
  readonly also?: readonly string[];
  /** Further rule: the problem as text, or undefined. */
  readonly check?: (value: string) => string | undefined;
  /** Accepted, kept and shown, but nothing acts on it. */
  readonly withoutEffect?: boolean;
  /** Broker configuration: can be altered while the broker runs. */
  readonly dynamic?: boolean;
}

const wholeNumber = /^[+-]?\d{1,19}$/;
const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** Int64 limits such as 9223372036854775807 mean "no limit" to Kafka's users; here they are cut to the safe range. */
export function configNumber(value: string): number {
  const number = Number(value);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number));
}

/** The trimmed value when it is accepted; throws `invalid-config` saying what would be. */
export function checkConfigValue(definition: ConfigDefinition, raw: string): string {
  const value = raw.trim();
  const problem = problemOf(definition, value);
  if (problem !== undefined) {
    throw new EngineError(
      'invalid-config',
      `Invalid value ${JSON.stringify(shorten(value))} for configuration ${definition.name}: ${problem}`,
    );
  }
  return value;
}

function problemOf(definition: ConfigDefinition, value: string): string | undefined {
  if (definition.also?.includes(value)) return undefined;
  return typeProblem(definition, value) ?? definition.check?.(value);
}

function typeProblem(definition: ConfigDefinition, value: string): string | undefined {
  const { type, oneOf } = definition;
  if (type === 'boolean') return value === 'true' || value === 'false' ? undefined : 'expected true or false';
  if (type === 'int' || type === 'long') {
    if (!wholeNumber.test(value)) return 'expected a whole number';
    const bits = type === 'int' ? 31n : 63n;
    const exact = BigInt(value.replace('+', ''));
    if (exact >= 1n << bits || exact < -(1n << bits)) return `does not fit an ${type}`;
    return rangeProblem(definition, configNumber(value));
  }
  if (type === 'double') return decimal.test(value) ? rangeProblem(definition, Number(value)) : 'expected a number';
  if (oneOf === undefined) return undefined;
  const elements = type === 'list' ? listElements(value) : [value];
  const stranger = elements.find((element) => !oneOf.includes(element));
  return stranger === undefined ? undefined : `expected ${type === 'list' ? 'a list of ' : ''}${oneOf.join(', ')}`;
}

function rangeProblem({ min, max }: ConfigDefinition, value: number): string | undefined {
  if (min !== undefined && value < min) return `must be at least ${min}`;
  if (max !== undefined && value > max) return `must be at most ${max}`;
  return undefined;
}

/** The elements of a list value; an empty value is an empty list. */
export function listElements(value: string): string[] {
  return value === '' ? [] : value.split(',').map((element) => element.trim());
}

function shorten(value: string): string {
  return value.length > 100 ? `${value.slice(0, 100)}…` : value;
}
