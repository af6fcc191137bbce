// (c) This package.

import { createRequire } from 'node:module';
import { configOf, swallow } from './index.mjs';

const require = createRequire(import.meta.url);

export function open({ url, ...options }) {
  const { parallel: _, ...config } = options;
  // Here, so that the time to load it is the package's own.
  const { GuestAuthenticator } = require('../../index.js');
  const authenticator = new GuestAuthenticator({ ...configOf(url), ...config, auditLogCallback: swallow });
  return {
    authenticate: (payload) => authenticator.authenticateGuest(payload),
    warmUp: () => authenticator.warmUp(),
    settle: () => authenticator.flush(),
    close: () => authenticator.close(),
  };
}
