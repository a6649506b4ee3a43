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

// Half of a short command's time is reading and stripping sources, which Node can keep for the next start. The directory is
// the user's own, since what lies there is run. NODE_DISABLE_COMPILE_CACHE=1 switches it off, as everywhere.
function keepCompiled(module, os, path) {
  var home = process.env.XDG_CACHE_HOME || (process.platform === 'win32' && process.env.LOCALAPPDATA);
  try {
    module.enableCompileCache(path.join(home || path.join(os.homedir(), '.cache'), 'cloudtopics', 'compiled'));
  } catch (_) {
    // No home directory: then every start compiles.
  }
}

Promise.all([import('node:fs'), import('node:module'), import('node:os'), import('node:path')]).then((loaded) => {
  var fs = loaded[0];
  keepCompiled(loaded[1], loaded[2], loaded[3]);
  var root = new URL('..', import.meta.url);
  var built = fs.existsSync(new URL('dist/cli/main.js', root)) && !process.env.CLOUDTOPICS_FROM_SOURCES;
  return import(new URL(built ? 'dist/cli/main.js' : 'src/cli/main.ts', root).href).then((main) =>
    main.main(root, built),
  );
});
