// (a) The tutorial's service on axios, zod and uuid, with only those mistakes repaired that keep it from running.

import { GuestAuthenticator } from '../../__test__/fixtures/tutorial/dist/index.js';
import { configOf, swallow } from './index.mjs';

export function open({ url }) {
  const authenticator = new GuestAuthenticator(configOf(url), { fixed: true, audit: swallow, attributes: swallow });
  return {
    authenticate: (payload) => authenticator.authenticateGuest(payload),
    async settle() {},
    async close() {},
  };
}
