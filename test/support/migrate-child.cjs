// node test/support/migrate-child.cjs <url> <up|down|status> [count] → prints the status as JSON.
require('./register-swc.cjs');
const { migrate } = require('../../src/postgres/migrate.ts');
const [url, command, count] = process.argv.slice(2);
migrate(url, command, count === undefined ? {} : { count: Number(count) }).then(
  (status) => console.log(JSON.stringify(status)),
  (error) => {
    console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
  },
);
