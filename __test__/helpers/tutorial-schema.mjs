// The tutorial's schema, in zod.

import { z } from 'zod';

export const GuestRequestSchema = z.object({
  email: z.email('Valid email address required for privacy compliance'),
  consent: z.boolean().refine((value) => value === true, {
    message: 'Explicit opt-in consent is mandatory under privacy policy constraints',
  }),
  channelId: z.string().min(1, 'Channel identifier cannot be empty'),
  name: z.string().max(100).optional(),
  attributes: z.record(z.string(), z.any()).optional(),
});
