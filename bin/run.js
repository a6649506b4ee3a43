#!/usr/bin/env node
// Starts the command: from dist/ where the package was built, else from the sources (Node strips the types).
// Plain old JavaScript on purpose: it must parse on any Node, to tell an old one what is missing.

var wanted = [24, 6];
var have = process.versions.node.split('.').map(Number);
if (have[0] < wanted[0] || (have[0] === wanted[0] && have[1] < wanted[1])) {
  process.stderr.write(
    'cloudtopics needs Node ' +
      wanted.join('.') +
      ' or newer; this is Node ' +
      process.versions.node +
      '.\n' +
      'try: npm install --global node@24\n',
  );
  process.exit(11);
}

// Before anything touches the thread pool: file flushes, LMDB commits and zlib share it, four threads are too few.
if (!process.env.UV_THREADPOOL_SIZE) process.env.UV_THREADPOOL_SIZE = '16';

import('node:fs').then(function (fs) {
  var root = new URL('..', import.meta.url);
  var built = fs.existsSync(new URL('dist/cli/main.js', root)) && !process.env.CLOUDTOPICS_FROM_SOURCES;
  return import(new URL(built ? 'dist/cli/main.js' : 'src/cli/main.ts', root).href).then(function (main) {
    return main.main(root, built);
  });
});
