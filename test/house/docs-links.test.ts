// Guards the documents: links lead somewhere, and files they speak of exist.

import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exists, filesUnder, isMarkdown, type SourceFile } from './source-tree.ts';

const documents = [...filesUnder('docs', isMarkdown), ...filesUnder('.', (path) => path === 'README.md')];

const withoutCode = (text: string) => text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');

/** The anchor that a heading gets. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

const anchorsOf = ({ text }: SourceFile) => [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));

function brokenLinks(document: SourceFile): string[] {
  return [...withoutCode(document.text).matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].flatMap(([, link]) => {
    if (/^[a-z][a-z0-9+.-]*:/.test(link!)) return [];
    const [file, anchor] = link!.split('#') as [string, string | undefined];
    const path = file === '' ? document.path : posix.join(posix.dirname(document.path), file);
    if (!exists(path)) return [`${document.path} links to ${link}, but there is no ${path}`];
    const target = documents.find((other) => other.path === path);
    if (anchor === undefined || target === undefined || anchorsOf(target).includes(anchor)) return [];
    return [`${document.path} links to ${link}, but ${path} has no such heading`];
  });
}

/** Paths of the checkout in code marks: `src/engine/engine.ts`, `test/house/`. */
function missingFiles({ path, text }: SourceFile): string[] {
  return [...text.matchAll(/`((?:src|test|docs|bench|bin|tools)\/[\w./-]*)`/g)]
    .filter(([, named]) => !exists(named!))
    .map(([, named]) => `${path} speaks of ${named}, which does not exist`);
}

describe('the documents', () => {
  it('are looked at', () => {
    expect(documents.length).toBeGreaterThan(2);
  });

  it('link to what exists', () => {
    expect(documents.flatMap(brokenLinks)).toEqual([]);
  });

  it('speak of files that exist', () => {
    expect(documents.flatMap(missingFiles)).toEqual([]);
  });
});
