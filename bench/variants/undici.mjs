// (b) What a careful team writes by hand on Node: pools with keep-alive, one token flight, a validation that walks no
// schema, a key that is imported once, requests without intermediate objects. Same requests as the tutorial: three a
// guest, because its PUT is a placeholder. With `parallel` also the order of the package: guest and profile side by
// side, the webhook behind the answer.

import { createHmac, createSecretKey, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { GuestRequestSchema } from '../../__test__/fixtures/tutorial/dist/validation.js';
import { configOf, swallow } from './index.mjs';

const GUESTS = '/api/v2/engagements/guests';
const MAX_RETRIES = 3;
const BASE_DELAY_MS = 1000;
const TOKEN_MARGIN_MS = 60_000;
/** zod's pattern. */
const EMAIL = /^(?:[A-Za-z0-9_'+-]+\.)*[A-Za-z0-9_'+-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$/;
const POOL = { connections: 256, pipelining: 1, keepAliveTimeout: 30_000 };

export function open({ url, parallel = false }) {
  const authenticator = new Authenticator(configOf(url), swallow, parallel);
  return {
    authenticate: (payload) => authenticator.authenticateGuest(payload),
    settle: () => authenticator.settled(),
    close: () => authenticator.close(),
  };
}

class Authenticator {
  #config;
  #audit;
  #parallel;
  #api;
  #crm;
  #webhook;
  #crmPath;
  #webhookPath;
  #key;
  #token = '';
  #tokenUntil = 0;
  #tokenFlight;
  #sessions = new Map();
  #behind = 0;

  constructor(config, audit, parallel) {
    this.#config = config;
    this.#audit = audit;
    this.#parallel = parallel;
    const crm = new URL(config.crmBaseUrl);
    const webhook = new URL(config.analyticsWebhookUrl);
    this.#api = new Pool(config.environment, POOL);
    this.#crm = new Pool(crm.origin, POOL);
    this.#webhook = new Pool(webhook.origin, POOL);
    this.#crmPath = `${crm.pathname}/profiles?email=`;
    this.#webhookPath = webhook.pathname;
    this.#key = createSecretKey(`${config.environment}-guest-signing-key`, 'utf8');
  }

  async authenticateGuest(payload) {
    const request = validate(payload);
    const { email, channelId, consent } = request;
    const key = `${email.toLowerCase()}::${channelId}`;
    const live = this.#sessions.get(key);
    if (live !== undefined && live > Date.now()) {
      throw new Error('Duplicate active session detected for this email and channel combination');
    }
    this.#sessions.set(key, Infinity);
    let guestData;
    let profile;
    const started = performance.now();
    try {
      if (this.#parallel) [guestData, profile] = await Promise.all([this.#create(request), this.#profile(email)]);
      else {
        guestData = await this.#create(request);
        profile = await this.#profile(email);
      }
    } catch (error) {
      this.#sessions.delete(key);
      throw error;
    }
    const { guestId, expiresIn } = guestData;
    this.#sessions.set(key, Date.now() + expiresIn * 1000);

    const timestamp = new Date().toISOString();
    const latencyMs = Math.round(performance.now() - started);
    const analytics = {
      guestId,
      email,
      channelId,
      crmTier: profile?.tier ?? null,
      authLatencyMs: latencyMs,
      timestamp,
    };
    if (this.#parallel) this.#report(analytics);
    else await this.#report(analytics);
    this.#audit({
      event: 'guest.authentication',
      guestId,
      email,
      consent,
      channelId,
      latencyMs,
      tokenExpiry: expiresIn,
      timestamp,
      complianceFlags: { gdprConsentRecorded: consent, dataMinimizationApplied: false, auditTrailGenerated: true },
    });
    return { guestData, analytics };
  }

  async #create(request) {
    const body = JSON.stringify(request);
    const token = Date.now() < this.#tokenUntil ? this.#token : await this.#freshToken();
    const headers = [
      'authorization',
      `Bearer ${token}`,
      'content-type',
      'application/json',
      'x-genesys-request-id',
      randomUUID(),
    ];
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#api.request({ method: 'POST', path: GUESTS, headers, body });
      const text = await answer.body.text();
      if (answer.statusCode === 429 && attempt < MAX_RETRIES) {
        await sleep(BASE_DELAY_MS * 2 ** attempt);
        continue;
      }
      if (answer.statusCode !== 200) throw new Error(`Guest creation failed: ${answer.statusCode} ${text}`);
      const guest = JSON.parse(text);
      this.#verify(guest.token);
      return guest;
    }
  }

  #verify(token) {
    const dot = token.lastIndexOf('.');
    const expected = createHmac('sha256', this.#key).update(token.slice(0, dot)).digest('hex');
    if (dot < 0 || token.slice(dot + 1) !== expected.slice(0, 16)) {
      throw new Error('Token signature verification failed. Payload may be tampered.');
    }
  }

  async #profile(email) {
    try {
      const path = this.#crmPath + encodeURIComponent(email);
      const answer = await this.#crm.request({ method: 'GET', path, headersTimeout: 2000, bodyTimeout: 2000 });
      const text = await answer.body.text();
      return answer.statusCode === 200 ? JSON.parse(text) : null;
    } catch {
      return null;
    }
  }

  async #report(analytics) {
    this.#behind += 1;
    try {
      const answer = await this.#webhook.request({
        method: 'POST',
        path: this.#webhookPath,
        headers: ['content-type', 'application/json'],
        body: JSON.stringify(analytics),
        headersTimeout: 3000,
        bodyTimeout: 3000,
      });
      await answer.body.dump();
    } catch (error) {
      console.error('[SYNC] Analytics webhook failed:', error);
    } finally {
      this.#behind -= 1;
    }
  }

  #freshToken() {
    this.#tokenFlight ??= this.#fetchToken().finally(() => {
      this.#tokenFlight = undefined;
    });
    return this.#tokenFlight;
  }

  async #fetchToken() {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: this.#config.clientId,
      client_secret: this.#config.clientSecret,
      scope: 'guest:write guest:read',
    });
    const headers = ['content-type', 'application/x-www-form-urlencoded'];
    const answer = await this.#api.request({ method: 'POST', path: '/oauth/token', headers, body: form.toString() });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`OAuth token acquisition failed: ${answer.statusCode} ${text}`);
    const { access_token, expires_in } = JSON.parse(text);
    this.#token = access_token;
    this.#tokenUntil = Date.now() + expires_in * 1000 - TOKEN_MARGIN_MS;
    return access_token;
  }

  async settled() {
    while (this.#behind > 0) await sleep(1);
  }

  async close() {
    await Promise.all([this.#api.close(), this.#crm.close(), this.#webhook.close()]);
  }
}

/** Equal in effect to the schema: what passes here passes there, and everything else is left to the schema. */
function validate(payload) {
  if (typeof payload === 'object' && payload !== null) {
    const { email, consent, channelId, name, attributes } = payload;
    const passes =
      typeof email === 'string' &&
      EMAIL.test(email) &&
      consent === true &&
      typeof channelId === 'string' &&
      channelId !== '' &&
      (name === undefined || (typeof name === 'string' && name.length <= 100)) &&
      (attributes === undefined || Object.getPrototypeOf(Object(attributes)) === Object.prototype);
    if (passes) return { email, consent, channelId, name, attributes };
  }
  return GuestRequestSchema.parse(payload);
}
