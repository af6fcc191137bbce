'use strict';

// One call of the sandbox's control API.

const { Buffer } = require('node:buffer');
const http = require('node:http');
const https = require('node:https');
const { URL, URLSearchParams } = require('node:url');

/** Sends a request and resolves with the JSON of the answer; undefined when it has none. */
function call(base, ca, method, path, body) {
  return new Promise((resolve, reject) => {
    const url = new URL(`${base}/${path}`);
    const text = body === undefined ? undefined : JSON.stringify(body);
    // No agent: a connection that stays open would keep the process alive until somebody closes it.
    const options = { method, ca, agent: false, headers: { connection: 'close' } };
    if (text !== undefined) {
      options.headers['content-type'] = 'application/json';
      options.headers['content-length'] = Buffer.byteLength(text);
    }
    const request = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
      const parts = [];
      response.on('error', reject);
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        const answer = Buffer.concat(parts).toString('utf8');
        const json = answer === '' ? undefined : JSON.parse(answer);
        if (response.statusCode < 300) resolve(json);
        else reject(new Error(`The sandbox refused ${method} ${path}: ${json?.message ?? response.statusCode}`));
      });
    });
    request.on('error', reject);
    request.end(text);
  });
}

/** `path?a=1&b=2` of the parameters that have a value. */
function withQuery(path, parameters) {
  const given = Object.entries(parameters ?? {}).filter(([, value]) => value !== undefined);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

module.exports = { call, withQuery };
