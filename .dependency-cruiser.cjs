/** Imports go downward only: domain <- postgres, sinks, temporal <- activities, client, journal <- workflows, api, cli <- main. */
const forbid = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: to },
});
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    forbid('domain-is-the-bottom', '^src/domain/', '^src/(?!domain/)', 'domain is pure and imports nothing of ours'),
    forbid('domain-is-pure', '^src/domain/', 'node_modules|^(fs|net|http|crypto|child_process)$', 'domain has no I/O'),
    {
      name: 'workflows-stay-deterministic',
      severity: 'error',
      comment: 'workflow code imports domain, the workflow SDK and types only',
      from: { path: '^src/workflows/' },
      to: { path: '^src/(?!workflows/|domain/)|node_modules/(?!@temporalio)', dependencyTypesNot: ['type-only'] },
    },
    forbid(
      'postgres-below',
      '^src/postgres/',
      '^src/(activities|api|cli|workflows|sinks|temporal|stack|journal|client)/',
      '',
    ),
    forbid(
      'sinks-below',
      '^src/sinks/',
      '^src/(activities|api|cli|workflows|postgres|temporal|stack|journal|client)/',
      '',
    ),
    forbid(
      'kafka-below',
      '^src/kafka/',
      '^src/(activities|api|cli|workflows|postgres|temporal|stack|journal|client|relay)/',
      '',
    ),
    forbid('activities-below', '^src/activities/', '^src/(api|cli|workflows|stack)/', ''),
    forbid('client-is-small', '^src/client/', '^src/(?!client/|domain/|postgres/)', 'the library an app imports'),
    forbid(
      'api-alone',
      '^src/api/',
      '^src/(cli|workflows|activities|stack)/',
      'api, cli, workflows never import each other',
    ),
    forbid(
      'cli-alone',
      '^src/cli/',
      '^src/(api|workflows|activities|stack)/',
      'api, cli, workflows never import each other',
    ),
    forbid('product-without-harness', '^src/', '^(faults|test|bench|model)/', 'the product never depends on its tests'),
    forbid('stack-alone', '^src/stack/', '^src/(api|cli|workflows|activities|postgres|sinks|temporal)/', ''),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'types'] },
  },
};
