#!/usr/bin/env node
// The same command as run.js, always from the sources, with oclif's development diagnostics.
process.env.NODE_ENV = 'development';
process.env.CLOUDTOPICS_FROM_SOURCES = '1';
await import('./run.js');
