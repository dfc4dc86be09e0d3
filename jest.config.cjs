/**
 * Two projects, because jest runs a project's globalSetup only if one of its tests is selected: `npm test -- test/unit`
 * starts no servers, anything else starts one stack for the whole run.
 */
const common = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/dist-bench', '<rootDir>/.data'],
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

module.exports = {
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/test/unit/**/*.test.ts'] },
    {
      ...common,
      displayName: 'servers',
      testMatch: ['<rootDir>/test/integration/**/*.test.ts', '<rootDir>/test/faults/**/*.test.ts'],
      globalSetup: '<rootDir>/test/support/global-setup.ts',
    },
  ],
  // Three servers share the machine with the tests: more workers only make the deadlines of others tick.
  maxWorkers: 2,
  testTimeout: 90_000,
  // Open handles end with the run, see test/support/global-teardown.ts; a warning would follow jest's summary.
  openHandlesTimeout: 0,
};
