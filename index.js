'use strict';

const { GuestAuthenticator } = require('./lib/authenticator');
const { classes } = require('./lib/errors');
const { makeDisposable } = require('./lib/instance');
const { native } = require('./lib/native');
const { DuplicateSessionGuard, GuestContextEnricher, GuestTokenManager, OAuthManager } = require('./lib/parts');
const { defineSchema } = require('./lib/schema');

for (const Class of [GuestAuthenticator, OAuthManager, GuestTokenManager, GuestContextEnricher]) {
  makeDisposable(Class);
}

module.exports = {
  GuestAuthenticator,
  OAuthManager,
  GuestRequestSchema: defineSchema(native, classes.GuestValidationError),
  DuplicateSessionGuard,
  GuestTokenManager,
  GuestContextEnricher,
  ...classes,
};
