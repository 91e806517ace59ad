import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'

/** What operators can find workflows by; registered by `temporal/search-attributes.ts`. */
export const FLAG_KEY = defineSearchAttributeKey('FlagKey', SearchAttributeType.KEYWORD)
export const ENVIRONMENT = defineSearchAttributeKey('Environment', SearchAttributeType.KEYWORD)
export const DUE_AT = defineSearchAttributeKey('DueAt', SearchAttributeType.DATETIME)
export const POLICY_VERSION = defineSearchAttributeKey('PolicyVersion', SearchAttributeType.INT)
