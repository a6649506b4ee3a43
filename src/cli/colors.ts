// Three colours with three meanings: red is damage, yellow is risk, dim is context. Nothing else is coloured.

export interface Colors {
  damage(text: string): string;
  risk(text: string): string;
  dim(text: string): string;
}

export type ColorChoice = 'auto' | 'always' | 'never';

const same = (text: string): string => text;
export const noColors: Colors = { damage: same, risk: same, dim: same };

export interface Terminal {
  readonly isTTY?: boolean | undefined;
}

/** NO_COLOR and dumb terminals are respected unless --color=always asks otherwise. */
export function wantsColor(choice: ColorChoice, stream: Terminal, env: NodeJS.ProcessEnv): boolean {
  if (choice !== 'auto') return choice === 'always';
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  if (env['TERM'] === 'dumb') return false;
  return stream.isTTY === true;
}

/** Loads chalk only where something will be coloured. */
export async function loadColors(wanted: boolean): Promise<Colors> {
  if (!wanted) return noColors;
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: 1 });
  return { damage: (text) => chalk.red(text), risk: (text) => chalk.yellow(text), dim: (text) => chalk.dim(text) };
}
