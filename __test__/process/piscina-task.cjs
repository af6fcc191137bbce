'use strict';

// What piscina calls in its threads.

const { OAuthManager } = require('../..');

module.exports = () => new OAuthManager(JSON.parse(process.env.CONFIG)).getAccessToken();
