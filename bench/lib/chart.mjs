// Charts as SVG, readable on light and on dark ground.

const WIDTH = 720;
const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #24292f; }
  .title { font-size: 15px; font-weight: 600; }
  .note { font-size: 12px; fill: #57606a; }
  .axis { stroke: #d0d7de; stroke-width: 1; }
  .whisker { stroke: #57606a; stroke-width: 1.5; }
  .c0 { fill: #8c959f; } .c1 { fill: #bf8700; } .c2 { fill: #0969da; } .c3 { fill: #54aeff; } .c4 { fill: #1a7f37; }
  polyline { fill: none; stroke-width: 2.5; }
  .l0 { stroke: #8c959f; } .l1 { stroke: #bf8700; } .l2 { stroke: #0969da; } .l3 { stroke: #54aeff; } .l4 { stroke: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note { fill: #9198a1; } .axis { stroke: #3d444d; } .whisker { stroke: #9198a1; }
  }`;

const escaped = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const text = (x, y, content, { anchor = 'start', style = '' } = {}) =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" class="${style}">${escaped(content)}</text>`;

/** Three digits at most, and no more than is known. */
export function short(value) {
  if (value >= 1e6) return `${+(value / 1e6).toPrecision(3)} M`;
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return String(+value.toPrecision(value >= 100 ? 3 : 2));
}

function frame(height, title, note, body) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title><style>${STYLE}\n</style>`,
    text(0, 18, title, { style: 'title' }),
    text(0, 37, note, { style: 'note' }),
    ...body,
    '</svg>\n',
  ].join('\n');
}

/**
 * Horizontal bars with the spread of the rounds, in groups.
 * @param {{ title: string, note: string, unit: string, groups: { name: string, bars: { name: string, color: number,
 *   value: { median: number, min: number, max: number } }[] }[] }} chart
 */
export function bars({ title, note, unit, groups }) {
  const [left, right, bar, gap] = [150, 120, 18, 8];
  const most = Math.max(...groups.flatMap((group) => group.bars.map(({ value }) => value.max)));
  const scale = (value) => (value / most) * (WIDTH - left - right);
  const body = [];
  let y = 62;
  for (const group of groups) {
    if (groups.length > 1) {
      body.push(text(0, y + 4, group.name));
      y += 14;
    }
    for (const { name, color, value } of group.bars) {
      const middle = y + bar / 2;
      body.push(text(left - 10, y + 14, name, { anchor: 'end' }));
      body.push(
        `<rect x="${left}" y="${y}" width="${Math.max(1, scale(value.median))}" height="${bar}" rx="2" class="c${color}"/>`,
      );
      const [from, to] = [left + scale(value.min), left + scale(value.max)];
      if (to - from > 2) body.push(`<line x1="${from}" x2="${to}" y1="${middle}" y2="${middle}" class="whisker"/>`);
      body.push(text(Math.max(to, left + scale(value.median)) + 8, y + 14, `${short(value.median)} ${unit}`));
      y += bar + gap;
    }
    y += 16;
  }
  return frame(y, title, note, body);
}

/**
 * Lines over logarithmic axes.
 * @param {{ title: string, note: string, unit: string, across: string, lines: { name: string, color: number,
 *   points: [number, number][] }[] }} chart
 */
export function lines({ title, note, unit, across, lines: all }) {
  const [left, right, top, bottom, height] = [70, 130, 62, 44, 340];
  const xs = [...new Set(all.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const ys = all.flatMap(({ points }) => points.map(([, y]) => y));
  const [low, high] = [
    10 ** Math.floor(Math.log10(Math.min(...ys) * 0.7)),
    10 ** Math.ceil(Math.log10(Math.max(...ys))),
  ];
  const place = (value, from, to, start, end) =>
    start + ((Math.log10(value) - Math.log10(from)) / (Math.log10(to) - Math.log10(from) || 1)) * (end - start);
  const x = (value) => place(value, xs[0], xs.at(-1), left, WIDTH - right);
  const y = (value) => place(value, low, high, height - bottom, top);
  const body = [];
  for (let tick = low; tick <= high * 1.001; tick *= 10) {
    body.push(`<line x1="${left}" x2="${WIDTH - right}" y1="${y(tick)}" y2="${y(tick)}" class="axis"/>`);
    body.push(text(left - 8, y(tick) + 4, short(tick), { anchor: 'end', style: 'note' }));
  }
  for (const tick of xs) {
    const label = tick >= 1e5 ? `${tick / 1e6} M` : tick.toLocaleString('en');
    body.push(text(x(tick), height - bottom + 20, label, { anchor: 'middle', style: 'note' }));
  }
  body.push(text((left + WIDTH - right) / 2, height - 4, across, { anchor: 'middle', style: 'note' }));
  let lastLabel = Number.NEGATIVE_INFINITY;
  const ends = all.toSorted((a, b) => y(a.points.at(-1)[1]) - y(b.points.at(-1)[1]));
  for (const { name, color, points } of ends) {
    const path = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`);
    body.push(`<polyline points="${path.join(' ')}" class="l${color}"/>`);
    for (const point of path) {
      const [cx, cy] = point.split(',');
      body.push(`<circle cx="${cx}" cy="${cy}" r="3.5" class="c${color}"/>`);
    }
    const at = Math.max(y(points.at(-1)[1]) + 4, lastLabel + 30);
    body.push(text(WIDTH - right + 12, at, name));
    body.push(text(WIDTH - right + 12, at + 14, `${short(points.at(-1)[1])} ${unit}`, { style: 'note' }));
    lastLabel = at;
  }
  return frame(height, title, note, body);
}
