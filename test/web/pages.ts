import type { SceneIds } from './scene-ids.ts'

/** Every page, once: all are checked for accessibility and the Content-Security-Policy, and photographed. One line a page. */
export const PAGES: { name: string; path: string | ((ids: SceneIds) => string) }[] = [
  { name: 'now', path: '/admin' },
  { name: 'now-month', path: '/admin?zoom=month' },
  { name: 'flags', path: '/admin/flags' },
  { name: 'flag', path: '/admin/flags/dark-mode' },
  { name: 'segments', path: '/admin/segments' },
  { name: 'releases', path: '/admin/releases' },
  { name: 'release', path: ({ releaseId }) => `/admin/releases/${releaseId}` },
  { name: 'environments', path: '/admin/environments' },
  { name: 'api-keys', path: '/admin/api-keys' },
  { name: 'policies', path: '/admin/policies' },
  { name: 'new-policy', path: '/admin/policies/new' },
  { name: 'policy-run', path: ({ runId }) => `/admin/policies/runs/${runId}` },
  { name: 'release-plans', path: '/admin/release-plans' },
  { name: 'release-plan', path: ({ planId }) => `/admin/release-plans/player/${planId}` },
  { name: 'release-plan-templates', path: '/admin/release-plan-templates' },
  { name: 'new-template', path: '/admin/release-plan-templates/new' },
  { name: 'template', path: ({ templateId }) => `/admin/release-plan-templates/${templateId}` },
  { name: 'gameplans', path: '/admin/gameplans' },
  { name: 'new-gameplan', path: '/admin/gameplans/new' },
  { name: 'gameplan', path: ({ gameplanId }) => `/admin/gameplans/${gameplanId}` },
  { name: 'revise-gameplan', path: ({ gameplanId }) => `/admin/gameplans/${gameplanId}/revise` },
  { name: 'change-requests', path: '/admin/change-requests' },
  { name: 'change-request', path: ({ requestId }) => `/admin/change-requests/${requestId}` },
  { name: 'freezes', path: '/admin/freezes' },
  { name: 'accounts', path: '/admin/accounts' },
  { name: 'account', path: '/admin/accounts/hooli' },
  { name: 'account-migrations', path: '/admin/account-migrations' },
  { name: 'account-migration', path: ({ migrationId }) => `/admin/account-migrations/${migrationId}` },
  { name: 'operations', path: '/admin/operations' },
]

/** The address of a page. */
export function pathOf({ path }: (typeof PAGES)[number], ids: SceneIds): string {
  return typeof path === 'string' ? path : path(ids)
}
