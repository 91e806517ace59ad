import type { DataConverter } from '@temporalio/common'

/**
 * How payloads are written, for client, worker and replay alike: plain JSON. An installation that encrypts its payloads
 * adds its codec here, and nowhere else.
 */
export const dataConverter: DataConverter = {}
