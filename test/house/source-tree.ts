// The files of the checkout as the house's tests read them: paths relative to its root, with their text.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceFile {
  /** With "/", relative to the root: "src/engine/l0/l0.ts". */
  readonly path: string;
  readonly text: string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const notOurs = new Set(['node_modules', 'dist', '.git', '.cache', 'coverage', 'cloudtopics-data']);

export const exists = (path: string): boolean => existsSync(join(root, path));

/** All files below a folder, or the file itself; nothing where neither exists. */
export function filesUnder(start: string, accepts: (path: string) => boolean): SourceFile[] {
  if (!exists(start)) return [];
  const paths = readdirSync(join(root, start), { withFileTypes: true, recursive: false })
    .filter(({ name }) => !notOurs.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((item): SourceFile[] => {
      const path = start === '.' ? item.name : `${start}/${item.name}`;
      if (item.isDirectory()) return filesUnder(path, accepts);
      return accepts(path) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : [];
    });
  return paths;
}

export const isTypeScript = (path: string): boolean => /\.[cm]?tsx?$/.test(path);
export const isMarkdown = (path: string): boolean => path.endsWith('.md');
