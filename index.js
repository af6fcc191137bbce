'use strict';

const { DuplicateSessionGuard } = require('./lib/duplicate-session-guard.js');
const { classes } = require('./lib/errors.js');
const { GuestAuthenticator } = require('./lib/guest-authenticator.js');
const { GuestContextEnricher } = require('./lib/guest-context-enricher.js');
const { GuestRequestSchema } = require('./lib/guest-request-schema.js');
const { GuestTokenManager } = require('./lib/guest-token-manager.js');
const { OAuthManager } = require('./lib/oauth-manager.js');
const { WebMessagingTokens } = require('./lib/web-messaging-tokens.js');

module.exports = {
  GuestAuthenticator,
  OAuthManager,
  GuestRequestSchema,
  DuplicateSessionGuard,
  GuestTokenManager,
  GuestContextEnricher,
  WebMessagingTokens,
  ...classes,
};
