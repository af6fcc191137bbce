'use strict';

// An ApiClient of the official SDK that never logs in: each of its requests asks for a fresh access token.
//
// The SDK puts a bearer token into a request's headers synchronously, from a field, long before the request is sent.
// So the field holds a mark, and the HTTP client underneath, which may wait, replaces the mark by the token. Whatever
// does not carry the mark is left alone: a header of the caller's own, a login with other credentials. The SDK's own
// log files see the mark, not the token.

const PACKAGE = 'purecloud-platform-client-v2';

/** First version whose ApiClient sends through an HTTP client that can be replaced. */
const MINIMUM_VERSION = '212.1.0';

const MARK = 'set-for-each-request';
const MARKED_HEADER = `Bearer ${MARK}`;

/**
 * @typedef {object} SdkOptions
 * @property {string} apiUrl origin of the API, with a path prefix if there is one; tokens go nowhere else
 * @property {string} loginUrl the same for login, in case the user logs in with other credentials
 * @property {string} [domain] Genesys Cloud domain, when the environment is one
 * @property {() => Promise<string>} getAccessToken
 * @property {(token: string) => unknown} [rejectAccessToken] told of a token that a 401 refused, before the next one is
 * asked for
 * @property {new (message: string, details?: object) => Error} SdkNotInstalledError
 */

/** @typedef {{ url: string, headers: Record<string, string>, data?: any }} HttpRequest of the SDK */
/** @typedef {{ request(request: HttpRequest): Promise<unknown> }} HttpClient of the SDK */

/**
 * Makes an ApiClient for one authenticator. The caller keeps it: each call makes another.
 * @param {SdkOptions} options
 */
function createSdkClient(options) {
  const sdk = loadSdk(options.SdkNotInstalledError);
  const client = newClient(sdk);
  const apiUrl = withoutTrailingSlash(options.apiUrl);

  // A gateway can come from the SDK's configuration file in the home folder: this environment is the authenticator's.
  client.setGateway();
  if (options.domain) client.setEnvironment(options.domain);
  client.config.basePath = apiUrl;
  client.config.authUrl = withoutTrailingSlash(options.loginUrl);
  client.setAccessToken(MARK);

  const send = bearerSender({ ...options, apiUrl });
  const wrapped = new WeakMap();
  const { getHttpClient } = client;
  // Also covers a client that the user sets later, and keeps the SDK's own one lazy, as its settings need.
  client.getHttpClient = function getAuthorizedHttpClient() {
    const httpClient = getHttpClient.call(this);
    if (!wrapped.has(httpClient)) wrapped.set(httpClient, withSend(httpClient, send));
    return wrapped.get(httpClient);
  };
  return client;
}

/** @param {SdkOptions['SdkNotInstalledError']} SdkNotInstalledError */
function loadSdk(SdkNotInstalledError) {
  const install = `npm install ${PACKAGE}`;
  try {
    require.resolve(PACKAGE);
  } catch (cause) {
    throw new SdkNotInstalledError(`getSdkClient() needs the package ${PACKAGE}: ${install}`, { cause });
  }
  const sdk = require(PACKAGE);
  if (typeof sdk.ApiClientClass?.prototype.getHttpClient !== 'function') {
    throw new SdkNotInstalledError(
      `getSdkClient() needs ${PACKAGE} from version ${MINIMUM_VERSION}: ${install}@latest`,
    );
  }
  return sdk;
}

/**
 * A client of its own: neither the SDK's singleton (that is made while the SDK loads, and every later one leaves it
 * alone) nor a watcher of the configuration file.
 * @param {{ ApiClientClass: new () => any }} sdk
 */
function newClient({ ApiClientClass }) {
  const client = new ApiClientClass();
  const { config } = client;
  const path = config.live_reload_config === true && config.configPath;
  // `config.live_reload_config = false` would stop every watcher of that file, the singleton's too. Take off only ours:
  // the listener that was added last.
  if (path) {
    const fs = require('node:fs');
    const probe = () => {};
    const listeners = fs.watchFile(path, { persistent: false }, probe)?.listeners?.('change') ?? [];
    const ours = /** @type {import('node:fs').StatsListener | undefined} */ (listeners.at(-2));
    if (ours) fs.unwatchFile(path, ours);
    fs.unwatchFile(path, probe);
    config.watchedConfigPath = null;
  }
  config.live_reload_config = false;
  return client;
}

/**
 * Sends a request with a token in the place of the mark, and once more when the token has been ended early.
 * @param {SdkOptions} options
 */
function bearerSender({ apiUrl, getAccessToken, rejectAccessToken }) {
  /**
   * @param {HttpClient} httpClient
   * @param {HttpRequest} request
   */
  return async function send(httpClient, request) {
    if (request.headers?.Authorization !== MARKED_HEADER) return httpClient.request(request);
    const ownHeader = Object.keys(request.headers).some(
      (name) => name !== 'Authorization' && name.toLowerCase() === 'authorization',
    );
    // Pointed elsewhere by the user, or with a header of the user's own: the token stays here.
    if (ownHeader || !`${request.url}/`.startsWith(`${apiUrl}/`)) return httpClient.request(authorized(request));

    const token = await getAccessToken();
    try {
      return await httpClient.request(authorized(request, token));
    } catch (thrown) {
      const error = conceal(thrown);
      if (error?.response?.status !== 401 || typeof request.data?.pipe === 'function') throw error;
      await rejectAccessToken?.(token);
      const next = await getAccessToken();
      if (next === token) throw error;
      return httpClient.request(authorized(request, next)).catch((again) => {
        throw conceal(again);
      });
    }
  };
}

/**
 * A copy of the request with this token, or without any.
 * @param {HttpRequest} request
 * @param {string} [token]
 */
function authorized(request, token) {
  const { Authorization: _, ...headers } = request.headers;
  if (token !== undefined) headers.Authorization = `Bearer ${token}`;
  return Object.assign(Object.create(Object.getPrototypeOf(request)), request, { headers });
}

/**
 * The same HTTP client in every respect but `request`.
 * @param {HttpClient} httpClient
 * @param {(httpClient: HttpClient, request: HttpRequest) => Promise<unknown>} send
 */
function withSend(httpClient, send) {
  return new Proxy(httpClient, {
    get(target, key) {
      if (key === 'request') return (/** @type {HttpRequest} */ request) => send(target, request);
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' && key !== 'constructor' ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

/**
 * An error of axios drags the request along, token included: not for logs.
 * @param {any} error
 */
function conceal(error) {
  if (error === null || typeof error !== 'object') return error;
  for (const holder of [error, error.response]) {
    if (holder?.config?.headers?.Authorization) holder.config.headers.Authorization = MARKED_HEADER;
    if (holder?.request) Object.defineProperty(holder, 'request', { enumerable: false });
  }
  return error;
}

/** @param {string} url */
function withoutTrailingSlash(url) {
  return url.replace(/\/+$/, '');
}

module.exports = { createSdkClient };
