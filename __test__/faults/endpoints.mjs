// How each endpoint is met: the configuration that leads there, and the call.

const authenticate = (auth, { payload }) => auth.authenticateGuest(payload);

/**
 * `through(front)` leads the endpoint's requests through a front; `config` is whatever else it needs. `limit` is the time
 * limit of one exchange there. `front` may have to wait until the request before has been answered.
 */
export const ENDPOINTS = {
  token: {
    title: 'Access token',
    request: 'POST /oauth/token',
    limit: 'oauthMs',
    through: (url) => ({ loginUrl: url }),
    call: authenticate,
  },
  create: {
    title: 'Guest creation',
    request: 'POST /api/v2/engagements/guests',
    limit: 'guestMs',
    through: (url) => ({ apiUrl: url }),
    call: authenticate,
  },
  refresh: {
    title: 'Guest token refresh',
    request: 'POST /api/v2/engagements/guests/refresh',
    limit: 'guestMs',
    through: (url) => ({ apiUrl: url }),
    call: (auth, { refreshToken }) => auth.rotateRefreshToken(refreshToken),
  },
  attributes: {
    title: 'Attributes',
    request: 'PUT /api/v2/engagements/guests/{guestId}',
    limit: 'guestMs',
    through: (url) => ({ apiUrl: url }),
    after: { method: 'POST', path: '/guests' },
    config: ({ crm }) => ({ crmBaseUrl: crm }),
    call: authenticate,
  },
  channel: {
    title: 'Channel check (`preflightChannel`)',
    request: 'GET /api/v2/journey/actions/channels/{channelId}',
    limit: 'guestMs',
    through: (url) => ({ apiUrl: url }),
    config: () => ({ preflightChannel: true }),
    call: authenticate,
  },
  crm: {
    title: 'CRM lookup',
    request: 'GET {crmBaseUrl}/profiles?email=',
    limit: 'crmMs',
    through: (url) => ({ crmBaseUrl: `${url}/crm` }),
    config: ({ crm }) => ({ crmBaseUrl: crm }),
    call: authenticate,
  },
  webhook: {
    title: 'Analytics webhook',
    request: 'POST {analyticsWebhookUrl}',
    limit: 'analyticsMs',
    through: (url) => ({ analyticsWebhookUrl: `${url}/webhook` }),
    config: ({ webhook }) => ({ analyticsWebhookUrl: webhook }),
    call: authenticate,
  },
};
