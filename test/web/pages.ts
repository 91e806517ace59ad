/** Every page, once: all are checked for accessibility and the Content-Security-Policy, and photographed. One line a page. */
export const PAGES: { name: string; path: string }[] = [
  { name: 'now', path: '/admin' },
  { name: 'flags', path: '/admin/flags' },
  { name: 'flag', path: '/admin/flags/dark-mode' },
  { name: 'policies', path: '/admin/policies' },
  { name: 'new-policy', path: '/admin/policies/new' },
  { name: 'release-plans', path: '/admin/release-plans' },
  { name: 'change-requests', path: '/admin/change-requests' },
  { name: 'accounts', path: '/admin/accounts' },
  { name: 'operations', path: '/admin/operations' },
]
