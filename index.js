'use strict';

const { GuestAuthenticator } = require('./lib/authenticator.js');
const { classes } = require('./lib/errors.js');
const { makeDisposable } = require('./lib/instance.js');
const { native } = require('./lib/native.js');
const { DuplicateSessionGuard, GuestContextEnricher, GuestTokenManager, OAuthManager } = require('./lib/parts.js');
const { defineSchema } = require('./lib/schema.js');

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
