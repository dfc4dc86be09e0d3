// Runs a TypeScript file of ours in a plain Node process: `node -r test/support/register-swc.cjs file.ts`. For what jest
// cannot load in its own process, above all ES modules by import().
const { transformFileSync } = require('@swc/core');
require.extensions['.ts'] = (module, file) => {
  const { code } = transformFileSync(file, {
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs', ignoreDynamic: true },
    sourceMaps: 'inline',
  });
  module._compile(code, file);
};
