#!/usr/bin/env node
// Writes the manual pages into man/, from the commands in the sources. `npm run man`; a test checks that they are current.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { loadConfig } from '../src/cli/main.ts';
import { manPages } from '../src/cli/man-page.ts';

const root = new URL('..', import.meta.url);
const folder = new URL('man/', root);
const pages = manPages(await loadConfig(root, false));
for (const name of readdirSync(folder)) if (name.endsWith('.1')) rmSync(new URL(name, folder));
for (const { file, text } of pages) writeFileSync(new URL(file, folder), text);
process.stdout.write(`${pages.length} pages\n`);
