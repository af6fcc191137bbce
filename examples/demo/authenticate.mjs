// Authenticates many guests, some of them at once.

/**
 * Gives one outcome for each guest, in the order of the file: `{ line, payload, result, ms }` when authenticated,
 * `{ line, payload, error, ms }` when refused, and what was no JSON as it came.
 */
export async function authenticateAll(authenticator, guests, { atOnce, onProgress }) {
  const outcomes = [];
  const lastOf = new Map();
  const queue = guests.values();

  async function authenticate({ line, payload }) {
    const started = performance.now();
    try {
      const result = await authenticator.authenticateGuest(payload);
      return { line, payload, result, ms: performance.now() - started };
    } catch (error) {
      return { line, payload, error, ms: performance.now() - started };
    }
  }

  // Two calls for one session that run at once race for it. Here the earlier line shall win, so the later one waits.
  function takeTurn(guest) {
    const session = sessionOf(guest.payload);
    const turn = Promise.resolve(lastOf.get(session)).then(() => authenticate(guest));
    lastOf.set(session, turn);
    return turn;
  }

  async function work() {
    for (const guest of queue) {
      outcomes.push(guest.error ? guest : await takeTurn(guest));
      onProgress?.(outcomes.length);
    }
  }

  await Promise.all(Array.from({ length: atOnce }, work));
  return outcomes.sort((a, b) => a.line - b.line);
}

/** Equal for payloads that could mean the same session; a payload can be anything that JSON can hold. */
function sessionOf(payload) {
  return JSON.stringify([payload?.email, payload?.channelId]).toLowerCase();
}
