// `docs/troubleshooting.md`, from the table of hints in `src/hint.rs`.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.mjs';

const file = join(root, 'docs', 'troubleshooting.md');

const HEAD = `# Troubleshooting

Written by \`npm run check -- --fix\` from the table of hints in \`src/hint.rs\`; each row is played by a test.

An error's \`hint\` is the remedy below, with the facts of the case in the place of what is set \`like this\`. It is one sentence for
people; programs look at \`code\`, \`status\` and \`cause.code\`. A \`GuestConfigError\` says in its \`message\` which field breaks
which rule. What each fault comes to, and what is tried again, is in [faults.md](faults.md).

\`\`\`ts
await authenticator.authenticateGuest(guest).catch((error) => console.error(error.code, error.hint ?? error.message));
\`\`\`

| symptom | cause | remedy |
| --- | --- | --- |
`;

/** The rows, in their order: `{ name, symptom, cause, remedy }`. In `remedy`, `{fact}` stands for a fact. */
export function hints(source = readFileSync(join(root, 'src', 'hint.rs'), 'utf8')) {
  const constants = new Map(
    [...source.matchAll(/const (\w+): &str =\s*"([^"]*)";/g)].map(([, name, text]) => [name, text]),
  );
  const table = /enum Hint \{\n([\s\S]*?)\n\}/.exec(source)[1];
  return table.split(/\n\n(?= {4}\/\/\/)/).map((row) => {
    const [, name] = /^ {4}(\w+)(?: \{|,$)/m.exec(row) ?? [];
    const line = (of) => new RegExp(`/// ${of}: (.*)`).exec(row)?.[1];
    const [, text] = /#\[error\(\s*"([^"]*)"\s*\)\]/.exec(row) ?? [];
    const remedy = text?.replace(/\{(\w+)(?::\?)?\}/g, (_, fact) => constants.get(fact) ?? `{${fact}}`);
    const all = { name, symptom: line('symptom'), cause: line('cause'), remedy };
    const missing = Object.entries(all).find(([, value]) => value === undefined);
    if (missing) throw new Error(`src/hint.rs: a row without ${missing[0]}:\n${row}`);
    return all;
  });
}

/** Compares the checked-in file with the table; with `fix` it is written anew. */
export function checkTroubleshooting({ fix }) {
  const lines = hints().map(
    ({ symptom, cause, remedy }) => `| ${symptom} | ${cause} | ${remedy.replace(/\{(\w+)\}/g, '`$1`')} |\n`,
  );
  const text = HEAD + lines.join('');
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return true;
  if (fix) writeFileSync(file, text);
  return fix;
}
