import { VARIABLE_NAMES, variableSchema } from './schema';
import type { VariableName } from './schema';
import { SECTIONS, defaultOf, metaOf } from './variables';
import type { Section } from './variables';

/** The documents that list the variables are written from the schema, so that they cannot disagree with it. */

function bySection(section: Section): VariableName[] {
  return VARIABLE_NAMES.filter((name) => metaOf(variableSchema(name)).section === section);
}

function fileVariant(name: VariableName): boolean {
  const meta = metaOf(variableSchema(name));
  return meta.secret === true || meta.file === true;
}

/** docs/configuration.md */
export function renderConfigMarkdown(): string {
  const lines = [
    '# Configuration',
    '',
    '<!-- Written by `node scripts/generate-config-docs.mjs` from src/config; edit that instead. -->',
    '',
    'Everything is an environment variable. A value given in code or on the command line wins over the environment, which wins over',
    'the default. Empty text counts as unset. A value that is not understood stops the process with exit code 78 and a list of all',
    'problems; an unknown `OUTBOX_…` name is warned about. `outboxctl config check` and `outboxctl config print` show what a process would see,',
    'secrets masked.',
    '',
    'Durations carry a unit (`500ms`, `15s`, `5m`), sizes may (`1MiB`, `4096`). Variables marked † can also be read from the file that',
    '`<NAME>_FILE` names.',
  ];
  for (const section of SECTIONS) {
    lines.push('', `## ${section}`, '', '| Variable | Default | Meaning |', '| --- | --- | --- |');
    for (const name of bySection(section)) {
      const schema = variableSchema(name);
      const fallback = defaultOf(schema);
      const shown = fallback === undefined ? '' : `\`${fallback}\``;
      lines.push(
        `| \`${name}\`${fileVariant(name) ? ' †' : ''} | ${shown} | ${metaOf(schema).about.replaceAll('|', '\\|')} |`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

/** .env.example: every variable, commented out, with its default. */
export function renderEnvExample(): string {
  const lines = ['# Every variable of temporal-outbox with its default; docs/configuration.md explains them.'];
  for (const section of SECTIONS) {
    lines.push('', `# ${section}`);
    for (const name of bySection(section)) lines.push(`#${name}=${defaultOf(variableSchema(name)) ?? ''}`);
  }
  return `${lines.join('\n')}\n`;
}
