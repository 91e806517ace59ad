import type { PolicyItem } from '../../domain/policy/values.ts'

export const rule = (when: unknown, more: object = {}) => ({ reason: 'r', verdict: 'ineligible', when, ...more })
export const rules = (...conditions: unknown[]) => ({
  rules: conditions.map((when, i) => rule(when, { reason: `r${i}` })),
})
export const leaf = { field: 'metadata.x', eq: 1 }
// Not as a literal, because of which a linter thinks of promises.
export const choice = (...parts: unknown[]) =>
  Object.fromEntries(parts.map((part, i) => [['if', 'then', 'else'][i], part]))

export const item: PolicyItem = {
  id: 7,
  title: 'A title',
  mediaType: null,
  releasedAt: Date.parse('2026-10-01T00:00:00Z'),
  trendingScore: 10,
  createdAt: Date.parse('2026-01-01T00:00:00Z'),
  metadata: {},
}
