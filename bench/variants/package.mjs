// (c) This package.

import { createRequire } from 'node:module';
import { configOf, swallow } from './index.mjs';

const { GuestAuthenticator } = createRequire(import.meta.url)('../../index.js');

export function open({ url, ...options }) {
  const { parallel: _, ...config } = options;
  const authenticator = new GuestAuthenticator({ ...configOf(url), ...config, auditLogCallback: swallow });
  return {
    authenticate: (payload) => authenticator.authenticateGuest(payload),
    warmUp: () => authenticator.warmUp(),
    settle: () => authenticator.flush(),
    close: () => authenticator.close(),
  };
}
