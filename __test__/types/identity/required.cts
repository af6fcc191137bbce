import guestAuth = require('genesys-guest-auth');

export const required: typeof guestAuth = guestAuth;
export type Authenticator = guestAuth.GuestAuthenticator;
