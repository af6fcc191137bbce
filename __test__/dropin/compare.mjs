// What was seen, with everything replaced that differs from call to call: ids, tokens, times.

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
const TOKEN = /\beyJ[\w-]+\.[\w-]+\.[0-9a-f]{16}\b/g;
const DURATIONS = new Set(['authLatencyMs', 'latencyMs']);
const CREDENTIALS = new Set(['token', 'refreshToken', 'access_token']);

function calm(key, value) {
  if (DURATIONS.has(key) && Number.isInteger(value) && value >= 0) return '<ms>';
  if (CREDENTIALS.has(key) && typeof value === 'string') return `<${key}>`;
  return typeof value === 'string'
    ? value.replace(TOKEN, '<token>').replace(UUID, '<id>').replace(ISO, '<time>')
    : value;
}

/** A value as text: the order of keys counts. */
export const plain = (value) => JSON.stringify(value, calm);

/** A request with what matters of it. */
function request({ method, path, query, headers, body }) {
  const { authorization, 'content-type': type, 'x-genesys-request-id': id } = headers;
  return {
    line: `${method} ${path}`.replace(UUID, '<id>'),
    // What stays unescaped in a query differs between encoders; what is read from it does not.
    query: [...new URLSearchParams(query)],
    accepts: /application\/json/.test(headers.accept) ? 'json' : headers.accept,
    authorization: authorization?.replace(/^Bearer \S+$/, 'Bearer <token>'),
    type,
    id: id?.replace(UUID, '<id>'),
    body: body === '' || type !== 'application/json' ? body : plain(JSON.parse(body)),
  };
}

/** The requests by route. Routes of one call run side by side in the package, so there is no order among them. */
export function requests(log) {
  const routes = {};
  for (const entry of log) {
    routes[entry.route] ??= [];
    routes[entry.route].push(request(entry));
  }
  return routes;
}

/** What became of a call. */
export async function outcome(call) {
  try {
    return { result: plain(await call()) };
  } catch (error) {
    const { message, issues } = error;
    return { message: message.replace(UUID, '<id>'), ...(issues && { issues: plain(issues), name: error.name }) };
  }
}

/** The tutorial's fields of a record, in their order; the package's has more. */
export function fields(record, like) {
  return plain(Object.fromEntries(Object.entries(record).filter(([name]) => name in (like ?? record))));
}
