// Keeps audit records in a file, one JSON object a line.

import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A new audit file: in `.tmp` below the current folder, or with the system's temporary files where that is read-only. */
export function openAuditFile() {
  try {
    return auditFileIn(resolve('.tmp'));
  } catch {
    return auditFileIn(mkdtempSync(join(tmpdir(), 'guest-demo-')));
  }
}

function auditFileIn(folder) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'demo-audit.jsonl');
  // Records hold personal data, even masked: for the owner alone.
  const file = openSync(path, 'w', 0o600);
  return {
    path,
    /** To be given as `auditLogCallback`. */
    write: (record) => writeSync(file, `${JSON.stringify(record)}\n`),
    /** Closes the file and gives back what is in it. */
    close() {
      closeSync(file);
      return readFileSync(path, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    },
  };
}
