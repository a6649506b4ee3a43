// Finds what a TypeScript file imports, without a compiler: enough for a house where imports are written plainly. Comments do
// not count; type-only and lazy imports do.

import { posix } from 'node:path';
import type { SourceFile } from './source-tree.ts';

export interface Import {
  readonly from: string;
  /** As written. */
  readonly specifier: string;
  /** Path from the root for a relative import; undefined for a package or a node module. */
  readonly target: string | undefined;
}

const comments = /\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(),])\/\/[^\n]*/g;
const imports = /(?:\bfrom|\bimport)\s*\(?\s*(['"])([^'"\n]+)\1/g;

export function importsOf({ path, text }: SourceFile): Import[] {
  return [...text.replace(comments, '').matchAll(imports)].map(([, , specifier]) => ({
    from: path,
    specifier: specifier!,
    target: specifier!.startsWith('.') ? posix.join(posix.dirname(path), specifier!) : undefined,
  }));
}
