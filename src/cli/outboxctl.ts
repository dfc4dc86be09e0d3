#!/usr/bin/env node
import { createProgram } from './program';
import { EXIT } from './run';

// `outboxctl … | head` closes our output early; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed),
);

void createProgram().parseAsync();
