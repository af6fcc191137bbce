// What the clients in the field send: each has habits of its own, and all of them hold the same conversation.

const join = [{ eventType: 'Presence', presence: { type: 'Join' } }];
const channel = { metadata: { customAttributes: { tier: 'gold' } } };
const journeyContext = (token) => ({
  customer: { id: token, idType: 'cookie' },
  customerSession: { id: '', type: 'web' },
});

/** Each: how it connects, its frames, and the code with which it closes. */
export const habits = {
  'the mobile SDK': {
    query: 'application=TransportSDK-2.14.0',
    headers: ({ host }) => ({ origin: host, 'user-agent': 'Android 34' }),
    configure: (token, deploymentId, tracingId) => ({
      token,
      deploymentId,
      startNew: false,
      journeyContext: {
        ...journeyContext(token),
        triggeringAction: { id: 'A', actionMap: { id: 'M', version: 1.5 } },
      },
      tracingId,
      action: 'configureSession',
    }),
    join: (token, tracingId) => ({
      token,
      tracingId,
      action: 'onMessage',
      message: { events: join, channel, type: 'Event' },
    }),
    say: (token, text, tracingId) => ({
      token,
      message: { text, metadata: { customMessageId: 'M' }, channel, type: 'Text' },
      tracingId,
      action: 'onMessage',
    }),
    echo: (token) => ({
      token,
      tracingId: 'SGVhbHRoQ2hlY2tNZXNzYWdlSWQ=',
      action: 'echo',
      message: { text: 'ping', type: 'Text' },
    }),
    close: [1000, 'The user has closed the connection.'],
  },
  'the Java SDK': {
    query: 'application=web-messaging-sdk-18.1.0',
    headers: ({ deploymentId }) => ({ origin: 'shop.example', deploymentId, 'content-length': '0' }),
    configure: (token, deploymentId, tracingId) => ({ action: 'configureSession', token, tracingId, deploymentId }),
    join: (token, tracingId) => ({ action: 'onMessage', token, tracingId, message: { type: 'Event', events: join } }),
    say: (token, text, tracingId) => ({
      action: 'onMessage',
      token,
      tracingId,
      message: { type: 'Text', text },
      channel,
    }),
    echo: (token, tracingId) => ({ action: 'echo', token, tracingId, message: { type: 'Text', text: 'ping' } }),
    close: [1000, 'Guest client disconnect'],
  },
  'a tester without tracing': {
    query: '',
    headers: () => ({ origin: 'https://shop.example' }),
    configure: (token, deploymentId) => ({ action: 'configureSession', deploymentId, token }),
    join: (token) => ({ action: 'onMessage', token, message: { type: 'Event', events: join } }),
    say: (token, text) => ({ action: 'onMessage', token, message: { type: 'Text', text }, channel }),
    echo: () => ({ action: 'echo', message: { type: 'Text', text: 'ping' } }),
    close: [],
  },
  'a browser': {
    query: 'application=MessengerSDK-2.18.0%2FTransportSDK-2.14.0',
    headers: () => ({ origin: 'https://www.shop.example' }),
    configure: (token, deploymentId, tracingId) => ({
      token,
      tracingId,
      deploymentId,
      action: 'configureSession',
      x: 1,
    }),
    join: (token, tracingId) => ({ action: 'onMessage', token, tracingId, message: { type: 'Event', events: join } }),
    say: (token, text, tracingId) => ({ action: 'onMessage', token, tracingId, message: { text, channel } }),
    echo: (token, tracingId) => ({ action: 'echo', token, tracingId, message: { type: 'Text', text: 'ping' } }),
    close: [1001],
  },
};
