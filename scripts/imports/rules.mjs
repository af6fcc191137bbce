// What imports must not do: run in a circle, or upwards.

/** Groups of files each of which reaches all others of its group (Tarjan's algorithm). */
export function circles(imports) {
  const next = new Map();
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to]);
  const [order, lowest, stack, found] = [new Map(), new Map(), [], []];
  const visit = (file) => {
    order.set(file, order.size);
    lowest.set(file, order.get(file));
    stack.push(file);
    for (const to of next.get(file) ?? []) {
      if (!order.has(to)) visit(to);
      if (stack.includes(to)) lowest.set(file, Math.min(lowest.get(file), lowest.get(to)));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const group = stack.splice(stack.indexOf(file));
    if (group.length > 1) found.push(group.sort());
  };
  for (const file of next.keys()) if (!order.has(file)) visit(file);
  return found;
}

/**
 * What is wrong with the imports of a folder, as texts. `floorOf` gives the number of a file's floor, from the top down; `known`
 * are imports `from -> to` that are known to be wrong, each of which must still be.
 */
export function complaints(imports, { floorOf, known = [] } = {}) {
  const key = ({ from, to }) => `${from} -> ${to}`;
  const isUpward = ({ from, to }) => floorOf !== undefined && floorOf(to) < floorOf(from);
  const tied = circles(imports);
  const inCircle = ({ from, to }) => tied.some((group) => group.includes(from) && group.includes(to));
  const stale = known.filter(
    (edge) => !imports.some((each) => key(each) === edge && (isUpward(each) || inCircle(each))),
  );
  const rest = imports.filter((each) => !known.includes(key(each)));
  const said = ({ from, to, names }) => `${from} -> ${to}${names.length > 0 ? `: ${names.join(', ')}` : ''}`;
  return [
    ...rest.filter(isUpward).map((each) => `upwards: ${said(each)}`),
    ...circles(rest).map((group) => {
      const within = rest.filter(({ from, to }) => group.includes(from) && group.includes(to));
      return ['circle:', ...within.map((each) => `  ${said(each)}`)].join('\n');
    }),
    ...stale.map((edge) => `no longer wrong, take it from the list: ${edge}`),
  ];
}
