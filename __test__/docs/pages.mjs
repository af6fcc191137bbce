// What the pages that people read are made of: blocks of code, links, headings.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../helpers/setup.mjs';

/** Pages for users of the package, as paths from its folder. */
export const PAGES = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const FENCE = /^```(\w*)$/;

/**
 * Reads a page: `{ blocks, prose }`. A block has its language, its text, and the line that it begins in. In the prose all blocks
 * are empty lines.
 */
export function readPage(path) {
  const blocks = [];
  const prose = [];
  let open;
  for (const [index, line] of readFileSync(join(root, path), 'utf8').split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (open && fence) open = undefined;
    else if (open) open.text += `${line}\n`;
    else if (fence) {
      open = { language: fence[1], line: index + 2, text: '' };
      blocks.push(open);
    }
    prose.push(open || fence ? '' : line);
  }
  return { blocks, prose: prose.join('\n') };
}

/** The targets of links and images in a page's prose. */
export function linksOf({ prose }) {
  const text = prose.replace(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf({ prose }) {
  const seen = new Map();
  return [...prose.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => {
    const name = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    return times === 0 ? name : `${name}-${times}`;
  });
}
