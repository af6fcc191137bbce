// A process of its own that asks for a token with each of its configurations, and prints what came of each.

import assert from 'node:assert/strict';
import { run } from '../helpers/children.mjs';

const FETCH = `
  const { inspect } = require('node:util');
  (async () => {
    for (const one of config) {
      const manager = new pkg.OAuthManager({
        clientId: 'id', clientSecret: 'secret', allowInsecureHttp: true, maxRetries: 1, ...one,
      });
      const outcome = await manager.getAccessToken().then(
        (token) => ({ token }),
        (error) => {
          const { code, message, hint, attempts, retryable, cause } = error;
          const words = [message, hint, cause && cause.message].filter(Boolean).join(' ');
          return { code, attempts, retryable, words, all: inspect(error) };
        },
      );
      await manager.close();
      console.log(JSON.stringify(outcome));
    }
  })();
`;

/** What came of each of these configurations: `{ token }`, or what is said of the error. */
export async function fetchTokens(configs, env) {
  const { stdout, stderr } = await run(FETCH, { config: configs, env });
  assert.equal(stderr, '');
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

export async function fetchToken(config, env) {
  const [outcome] = await fetchTokens([config], env);
  return outcome;
}
