// Figures from samples.

/** The value below which the share `p` of the samples lies (nearest rank). */
export function percentile(samples, p) {
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))];
}

/** `{ median, min, max }` of the rounds. */
export function spread(values) {
  return { median: percentile(values, 0.5), min: Math.min(...values), max: Math.max(...values) };
}

/** The spread of every figure that the rounds have in common. */
export function spreads(rounds) {
  const names = Object.keys(rounds[0]).filter((name) => rounds.every((round) => Number.isFinite(round[name])));
  return Object.fromEntries(names.map((name) => [name, spread(rounds.map((round) => round[name]))]));
}
