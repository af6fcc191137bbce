'use strict';

// The analytics event and the audit record of an authentication, from the request and what only the core knows.
// `src/analytics/event.rs` and `src/audit.rs` write the same for the webhook and for the other records.

/**
 * @param {[guestData: object, latencyMs: number, expiresIn: number, timestamp: string, crmTier: unknown,
 *   enrichment: string, requestId: string, shownEmail: string | null]} news
 * @param {string} email
 * @param {string} channelId
 */
function records(
  [guestData, latencyMs, expiresIn, timestamp, crmTier, enrichment, requestId, shown],
  email,
  channelId,
) {
  const { guestId } = guestData;
  return {
    guestData,
    analytics: { guestId, email, channelId, crmTier, authLatencyMs: latencyMs, timestamp },
    audit: {
      event: 'guest.authentication',
      guestId,
      email: shown ?? email,
      consent: true,
      channelId,
      latencyMs,
      tokenExpiry: expiresIn,
      enrichment,
      requestId,
      timestamp,
      complianceFlags: {
        gdprConsentRecorded: true,
        dataMinimizationApplied: shown !== null,
        auditTrailGenerated: true,
      },
    },
  };
}

module.exports = { records };
