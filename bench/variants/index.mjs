// What is measured side by side. Each variant gives `open(options)` → an authenticator with three methods:
// `authenticate(payload)`, `settle()` (waits for what runs in the background) and `close()`.

/** Modules by variant. They are loaded in the measured process alone, and only the one that it measures. */
const MODULES = {
  axios: './axios.mjs',
  undici: './undici.mjs',
  'undici-parallel': './undici.mjs',
  package: './package.mjs',
  nothing: './nothing.mjs',
  thread: './thread.mjs',
};

/**
 * @param {keyof typeof MODULES} name
 * @param {{ url: string }} options `url` is the sandbox's
 */
export async function openVariant(name, options) {
  const { open } = await import(MODULES[name]);
  return open({ ...options, parallel: name === 'undici-parallel' });
}

/** The same configuration for all. */
export function configOf(url) {
  return {
    environment: url,
    clientId: 'bench-client',
    clientSecret: 'bench-secret',
    crmBaseUrl: `${url}/crm`,
    analyticsWebhookUrl: `${url}/webhook`,
  };
}

/** Takes audit records: a benchmark of consoles would be another one. */
export function swallow() {}
